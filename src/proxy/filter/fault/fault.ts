import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { FaultDelay } from "../../../xds/generated/envoy/extensions/filters/common/fault/v3/fault_pb.ts";
import type { FaultAbort, HTTPFault } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import type { LocalReply } from "../../http/message.ts";
import { perMillion } from "../../router/match/fraction.ts";
import { compileHeaderMatcher, type HeaderTest } from "../../router/match/header-matcher.ts";
import { requestHeader } from "../../router/match/request-header.ts";
import { isGrpc } from "../../router/match/route-condition.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

const TYPE_URL = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";

export interface FaultDeps {
	readonly clock: Clock;
	readonly random: Random;
	/** A stat of the connection manager: `fault.delays_injected` and the like. */
	counter(name: string): Counter;
}

/** What to do to a share of the requests; shares per million. */
interface Fault {
	readonly delay: { readonly ms: number; readonly perMillion: number } | undefined;
	readonly abort: Abort | undefined;
	/** All must match. */
	readonly headers: readonly HeaderTest[];
	/** Only requests on their way to this cluster; empty: all. */
	readonly upstreamCluster: string;
	readonly maxActive: number;
}

interface Abort {
	readonly reply: LocalReply;
	/** For gRPC requests, where the config names a gRPC status. */
	readonly grpcReply: LocalReply | undefined;
	readonly perMillion: number;
}

interface FaultStats {
	readonly delays: Counter;
	readonly aborts: Counter;
	readonly overflow: Counter;
}

/** Injected delays and aborts (Envoy: HTTP fault filter); a route's config takes the place of the listener's. */
export function faultFilter(deps: FaultDeps): HttpFilterFactory {
	const active: ActiveFaults = { count: 0 };
	return {
		typeUrl: TYPE_URL,
		parse(config, path, name) {
			const fault = readingConfig(path, (at, problems) => parseFault(config as HTTPFault, at, problems));
			const stats = {
				delays: deps.counter("fault.delays_injected"),
				aborts: deps.counter("fault.aborts_injected"),
				overflow: deps.counter("fault.faults_overflow"),
			};
			return { name, create: () => new FaultStream({ name, fault, stats, active, deps }) };
		},
		parseRoute: (config, path) => readingConfig(path, (at, problems) => parseFault(config as HTTPFault, at, problems)),
	};
}

function parseFault(config: HTTPFault, at: FieldPath, problems: ProblemList): Fault {
	return {
		delay: config.delay && parseDelay(config.delay, at.field("delay"), problems),
		abort: config.abort && parseAbort(config.abort, at.field("abort"), problems),
		headers: config.headers.map((h, i) => compileHeaderMatcher(h, at.field("headers").index(i), problems)),
		upstreamCluster: config.upstreamCluster,
		maxActive: config.maxActiveFaults ?? Number.POSITIVE_INFINITY,
	};
}

function parseDelay(delay: FaultDelay, at: FieldPath, problems: ProblemList): Fault["delay"] {
	const { faultDelaySecifier: spec } = delay;
	if (spec.case !== "fixedDelay") {
		if (spec.case) problems.notImplemented(at.field("header_delay"), "a delay named by a request header");
		else problems.add("missing", at, "the delay has no duration", "set fixed_delay");
		return undefined;
	}
	const ms = durationMs(spec.value);
	if (ms <= 0) problems.add("invalid", at.field("fixed_delay"), "the delay must be more than zero");
	// Without a percentage nothing is delayed.
	return { ms, perMillion: perMillion(delay.percentage, 0) };
}

function parseAbort(abort: FaultAbort, at: FieldPath, problems: ProblemList): Fault["abort"] {
	const { errorType } = abort;
	const body = abort.responseBody || "fault filter abort";
	const share = perMillion(abort.percentage, 0);
	switch (errorType.case) {
		case "httpStatus":
			if (errorType.value < 200 || errorType.value > 599)
				problems.add("invalid", at.field("http_status"), `${errorType.value} is no status of a response`);
			return {
				reply: { status: errorType.value, body, flag: "FI", details: "fault_filter_abort" },
				grpcReply: undefined,
				perMillion: share,
			};
		case "grpcStatus":
			return {
				reply: { status: 200, body, flag: "FI", details: "fault_filter_abort" },
				grpcReply: grpcReply(errorType.value, body),
				perMillion: share,
			};
		case "headerAbort":
			problems.notImplemented(at.field("header_abort"), "an abort named by a request header");
			return undefined;
		default:
			problems.add("missing", at, "the abort has no status", "set http_status or grpc_status");
			return undefined;
	}
}

/** A gRPC answer without body: the status stands in the head. */
function grpcReply(status: number, message: string): LocalReply {
	const headers = [
		["content-type", "application/grpc"],
		["grpc-status", String(status)],
		["grpc-message", message],
	] as const;
	return { status: 200, body: "", flag: "FI", details: "fault_filter_abort", headers };
}

interface ActiveFaults {
	count: number;
}

interface FaultContext {
	readonly name: string;
	readonly fault: Fault;
	readonly stats: FaultStats;
	readonly active: ActiveFaults;
	readonly deps: FaultDeps;
}

/** One stream: delay first, then abort, drawn independently. */
class FaultStream implements HttpFilter {
	readonly #on: FaultContext;
	#cancelDelay: (() => void) | undefined;
	#counted = false;

	constructor(on: FaultContext) {
		this.#on = on;
	}

	decodeHeaders(stream: FilterStream): "continue" | "stop" {
		const fault = (stream.routeConfig(this.#on.name) as Fault | undefined) ?? this.#on.fault;
		if ((!fault.delay && !fault.abort) || !applies(fault, stream)) return "continue";
		const { delay } = fault;
		if (delay && this.#drawn(delay.perMillion) && this.#mayStart(fault)) {
			this.#start(stream, "DI", this.#on.stats.delays);
			this.#cancelDelay = this.#on.deps.clock.after(delay.ms, () => {
				this.#cancelDelay = undefined;
				if (!this.#abort(fault, stream)) {
					this.#finish();
					stream.continueDecoding();
				}
			});
			return "stop";
		}
		return this.#abort(fault, stream) ? "stop" : "continue";
	}

	onStreamEnd(): void {
		this.#cancelDelay?.();
		this.#finish();
	}

	#abort({ abort, maxActive }: Fault, stream: FilterStream): boolean {
		if (!abort || !this.#drawn(abort.perMillion)) return false;
		if (!this.#counted && !this.#mayStart({ maxActive })) return false;
		this.#start(stream, "FI", this.#on.stats.aborts);
		const grpc = abort.grpcReply && isGrpc(stream.request.headers.get("content-type"));
		stream.sendLocalReply(grpc ? abort.grpcReply! : abort.reply);
		return true;
	}

	#drawn(share: number): boolean {
		return share > 0 && this.#on.deps.random.below(1_000_000) < share;
	}

	#mayStart({ maxActive }: Pick<Fault, "maxActive">): boolean {
		if (this.#on.active.count < maxActive) return true;
		this.#on.stats.overflow.inc();
		return false;
	}

	#start(stream: FilterStream, flag: "DI" | "FI", counter: Counter): void {
		if (!this.#counted) this.#on.active.count++;
		this.#counted = true;
		stream.info.responseFlags.add(flag);
		counter.inc();
	}

	#finish(): void {
		if (this.#counted) this.#on.active.count--;
		this.#counted = false;
	}
}

function applies(fault: Fault, stream: FilterStream): boolean {
	for (const header of fault.headers) {
		if (!header.test(requestHeader(stream.request, header.name))) return false;
	}
	if (fault.upstreamCluster === "") return true;
	const action = stream.route()?.action;
	return action?.kind === "forward" && action.forward.clusters(stream.request).includes(fault.upstreamCluster);
}
