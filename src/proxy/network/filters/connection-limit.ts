import { durationMs } from "@bufbuild/protobuf/wkt";
import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError } from "../../../lib/problem.ts";
import type { Counter, Gauge } from "../../../telemetry/metrics.ts";
import { unpackAs } from "../../../xds/any.ts";
import { ConnectionLimitSchema } from "../../../xds/generated/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts";
import { type Deadlines, Timer } from "../../http/deadlines.ts";
import type { NetworkConnection, NetworkFilter, NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";
import { invalid, missing } from "../network-problems.ts";

const CLOSE_REASON = "over_connection_limit";

/** Closes connections beyond a number (Envoy: envoy.filters.network.connection_limit). */
export function connectionLimitFactory(deps: NetworkFilterDeps): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
		parse(config, path, name) {
			const message = unpackAs(config, ConnectionLimitSchema)!;
			const at = fieldPath(path);
			const problems: Problem[] = [];
			if (message.statPrefix === "") problems.push(missing(at.field("stat_prefix")));
			if (message.maxConnections === undefined) problems.push(missing(at.field("max_connections")));
			else if (message.maxConnections < 1n)
				problems.push(invalid(at.field("max_connections"), "it is 0", "set at least 1"));
			if (problems.length > 0) throw new ProblemError(problems);
			if (!(message.runtimeEnabled?.defaultValue ?? true)) return { name, create: () => ({}) };
			const scope = deps.metrics.scope(`connection_limit.${message.statPrefix}.`);
			const limit: Limit = {
				maxConnections: Number(message.maxConnections),
				delayMs: message.delay ? durationMs(message.delay) : 0,
				deadlines: deps.deadlines,
				limited: scope.counter("limited_connections"),
				active: scope.gauge("active_connections"),
				connections: 0,
			};
			return { name, create: () => new ConnectionLimitFilter(limit) };
		},
	};
}

interface Limit {
	readonly maxConnections: number;
	/** A connection too many is kept open for so long, so that its client does not try again at once. */
	readonly delayMs: number;
	readonly deadlines: Deadlines;
	readonly limited: Counter;
	readonly active: Gauge;
	connections: number;
}

class ConnectionLimitFilter implements NetworkFilter {
	readonly #limit: Limit;
	#counted = false;
	#delay: Timer | undefined = undefined;

	constructor(limit: Limit) {
		this.#limit = limit;
	}

	onNewConnection(on: NetworkConnection): "continue" | "stop" {
		const limit = this.#limit;
		if (limit.connections < limit.maxConnections) {
			limit.connections++;
			limit.active.add(1);
			this.#counted = true;
			return "continue";
		}
		limit.limited.inc();
		if (limit.delayMs > 0) {
			this.#delay = new Timer({ onTimer: () => on.close(CLOSE_REASON) });
			limit.deadlines.arm(this.#delay, limit.delayMs);
		} else on.close(CLOSE_REASON);
		return "stop";
	}

	onClose(): void {
		this.#delay?.cancel();
		if (!this.#counted) return;
		this.#limit.connections--;
		this.#limit.active.add(-1);
	}
}
