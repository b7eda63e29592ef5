import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { HTTPFault } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import type { LocalReply } from "../../http/message.ts";
import { testRequestHeader } from "../../router/match/header-matcher.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { SlowBody } from "../slow-body.ts";
import { type Abort, type Fault, parseFault } from "./fault-config.ts";
import { FaultStats, type StatSource } from "./fault-stats.ts";

export interface FaultDeps extends StatSource {
	readonly clock: Clock;
	readonly random: Random;
}

/** Of a slow response: more stays with the endpoint. */
const MOST_WAITING = 1024 * 1024;

/** Injected delays, aborts and slow responses (Envoy: HTTP fault filter); a route's config takes the place of the listener's. */
export function faultFilter(deps: FaultDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
		parse(config, path, name) {
			const fault = readingConfig(path, (at, problems) => parseFault(config as HTTPFault, at, problems));
			const context = { name, fault, stats: new FaultStats(deps), deps };
			return {
				name,
				wants: (stream) => injects(faultOf(stream, context)),
				create: () => new FaultStream(context),
			};
		},
		parseRoute: (config, path) => readingConfig(path, (at, problems) => parseFault(config as HTTPFault, at, problems)),
	};
}

interface FaultContext {
	readonly name: string;
	readonly fault: Fault;
	readonly stats: FaultStats;
	readonly deps: FaultDeps;
}

function faultOf(stream: FilterStream, { name, fault }: FaultContext): Fault {
	return (stream.routeConfig(name) as Fault | undefined) ?? fault;
}

function injects({ delay, abort, rateLimit }: Fault): boolean {
	return delay !== undefined || abort !== undefined || rateLimit !== undefined;
}

/** One stream: delay first, then abort, drawn independently. */
class FaultStream implements HttpFilter {
	readonly #on: FaultContext;
	#cancelDelay: (() => void) | undefined;
	#counted = false;
	/** The response's body, when it is to be slow. */
	#slow: SlowBody | undefined = undefined;

	constructor(on: FaultContext) {
		this.#on = on;
	}

	decodeHeaders(stream: FilterStream): "continue" | "stop" {
		const fault = faultOf(stream, this.#on);
		if (!injects(fault) || !applies(fault, stream)) return "continue";
		this.#limitRate(fault, stream);
		if (this.#delay(fault, stream)) return "stop";
		return this.#abort(fault, stream) ? "stop" : "continue";
	}

	encodeHeaders(): "continue" | "pass" {
		return this.#slow ? "continue" : "pass";
	}

	encodeData(_stream: FilterStream, data: Uint8Array): "continue" | "taken" {
		if (!this.#slow) return "continue";
		this.#slow.take(data);
		return "taken";
	}

	encodeEnd(): "continue" | "hold" {
		return !this.#slow || this.#slow.end() ? "continue" : "hold";
	}

	onStreamEnd(): void {
		this.#cancelDelay?.();
		this.#slow?.stop();
		if (this.#counted) this.#on.stats.active.add(-1);
		this.#counted = false;
	}

	#limitRate(fault: Fault, stream: FilterStream): void {
		const { rateLimit } = fault;
		const { headers } = stream.request;
		if (!rateLimit || !this.#drawn(rateLimit.share(headers))) return;
		const kibPerSecond = rateLimit.value(headers);
		if (kibPerSecond === undefined || !this.#mayStart(fault)) return;
		const { stats, deps } = this.#on;
		stats.rateLimits.inc();
		this.#slow = new SlowBody(
			deps.clock,
			{ kibPerSecond, limitBytes: MOST_WAITING },
			{
				send: (bytes) => stream.injectResponse(this, bytes),
				pause: () => stream.pauseResponse(),
				resume: () => stream.resumeResponse(),
				done: () => stream.continueEncoding(this),
			},
		);
	}

	#delay(fault: Fault, stream: FilterStream): boolean {
		const { delay } = fault;
		const { headers } = stream.request;
		if (!delay || !this.#drawn(delay.share(headers))) return false;
		const ms = delay.value(headers);
		if (!ms || !this.#mayStart(fault)) return false;
		this.#on.stats.delayed(downstreamCluster(fault, stream));
		stream.info.responseFlags.add("DI");
		this.#leaveMetadata(fault, stream);
		this.#cancelDelay = this.#on.deps.clock.after(ms, () => {
			this.#cancelDelay = undefined;
			if (!this.#abort(fault, stream)) stream.continueDecoding(this);
		});
		return true;
	}

	#abort(fault: Fault, stream: FilterStream): boolean {
		const { abort } = fault;
		const { headers } = stream.request;
		if (!abort || !this.#drawn(abort.share(headers))) return false;
		const reply = abortReply(abort, stream);
		if (!reply || !this.#mayStart(fault)) return false;
		this.#on.stats.aborted(downstreamCluster(fault, stream));
		stream.info.responseFlags.add("FI");
		this.#leaveMetadata(fault, stream);
		stream.sendLocalReply(reply);
		return true;
	}

	#drawn(share: number): boolean {
		return share > 0 && this.#on.deps.random.below(1_000_000) < share;
	}

	/** However many faults hit a request, it counts as one. */
	#mayStart({ maxActive }: Fault): boolean {
		const { stats } = this.#on;
		if (this.#counted) return true;
		if (stats.active.value >= maxActive) {
			stats.overflow.inc();
			return false;
		}
		stats.active.add(1);
		this.#counted = true;
		return true;
	}

	#leaveMetadata({ metadata }: Fault, stream: FilterStream): void {
		if (metadata) stream.info.dynamicMetadata.set(this.#on.name, { ...metadata });
	}
}

function applies(fault: Fault, stream: FilterStream): boolean {
	const { request } = stream;
	if (fault.upstreamCluster !== "" && !goesTo(fault.upstreamCluster, stream)) return false;
	if (
		fault.downstreamNodes.size > 0 &&
		!fault.downstreamNodes.has(request.headers.get("x-envoy-downstream-service-node") ?? "")
	)
		return false;
	for (const header of fault.headers) {
		if (!testRequestHeader(header, request)) return false;
	}
	return true;
}

function goesTo(cluster: string, stream: FilterStream): boolean {
	const action = stream.route()?.action;
	return action?.kind === "forward" && action.forward.clusters(stream.request).includes(cluster);
}

function downstreamCluster(fault: Fault, { request }: FilterStream): string | undefined {
	return fault.countsPerCluster ? request.headers.get("x-envoy-downstream-service-cluster") : undefined;
}

/** Undefined: a header that should name the status does not. */
function abortReply(abort: Abort, { request }: FilterStream): LocalReply | undefined {
	const status = abort.httpStatus(request.headers);
	const details = "fault_filter_abort";
	if (status !== undefined) return { status, body: abort.body, flag: "FI", details };
	const grpcStatus = abort.grpcStatus(request.headers);
	return grpcStatus === undefined ? undefined : { status: 200, body: abort.body, flag: "FI", details, grpcStatus };
}
