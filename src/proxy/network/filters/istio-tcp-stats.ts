import type { Counter } from "../../../telemetry/metrics.ts";
import type { ClusterLookup } from "../../cluster/cluster.ts";
import {
	type IstioTcpFamilies,
	type TcpReporter,
	tcpLabelValues,
} from "../../filter/istio-stats/istio-tcp-families.ts";
import type { WorkloadMetadata } from "../../filter/workload-metadata.ts";
import { type Deadlines, Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { NetworkConnection, NetworkFilter, NetworkFilterFactory } from "../network-filter.ts";

/** Istio reports connections that last this often. */
const REPORT_MS = 5000;

export interface IstioTcpStatsDeps {
	readonly deadlines: Deadlines;
	readonly clusters: ClusterLookup;
	readonly node: WorkloadMetadata;
	readonly istio: IstioTcpFamilies;
}

/** Istio's `istio.stats` on TCP chains: connections and bytes by who talks to whom. What its configuration changes about metrics counts for HTTP only. */
export function istioTcpStatsFactory(deps: IstioTcpStatsDeps): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/stats.PluginConfig",
		parse(_config, _path, name, direction) {
			const reporter: TcpReporter = { ...deps, direction };
			return { name, create: () => new TcpStats(deps, reporter) };
		},
	};
}

interface Series {
	readonly closed: Counter;
	readonly sent: Counter;
	readonly received: Counter;
}

class TcpStats implements NetworkFilter, TimerOwner {
	readonly #deps: IstioTcpStatsDeps;
	readonly #reporter: TcpReporter;
	readonly #timer = new Timer(this);
	#on: NetworkConnection | undefined = undefined;
	/** Known from the first report on, so that all of a connection counts in one place. */
	#series: Series | undefined = undefined;
	#sent = 0;
	#received = 0;

	constructor(deps: IstioTcpStatsDeps, reporter: TcpReporter) {
		this.#deps = deps;
		this.#reporter = reporter;
	}

	onNewConnection(on: NetworkConnection): "continue" {
		this.#on = on;
		this.#deps.deadlines.arm(this.#timer, REPORT_MS);
		return "continue";
	}

	onTimer(): void {
		this.#report();
		this.#deps.deadlines.arm(this.#timer, REPORT_MS);
	}

	onClose(): void {
		this.#timer.cancel();
		if (this.#on) this.#report().closed.inc();
	}

	#report(): Series {
		const { info } = this.#on!;
		this.#series ??= this.#open();
		this.#series.sent.inc(info.bytesSent - this.#sent);
		this.#series.received.inc(info.bytesReceived - this.#received);
		this.#sent = info.bytesSent;
		this.#received = info.bytesReceived;
		return this.#series;
	}

	#open(): Series {
		const { istio } = this.#deps;
		const values = tcpLabelValues(this.#on!.info, this.#reporter);
		istio.opened.with(...values).inc();
		return {
			closed: istio.closed.with(...values),
			sent: istio.sentBytes.with(...values),
			received: istio.receivedBytes.with(...values),
		};
	}
}
