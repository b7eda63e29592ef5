import { PORTS } from "../../lib/names.ts";

type Annotations = Readonly<Record<string, string>>;

const SCRAPE = "prometheus.io/scrape";
const PORT = "prometheus.io/port";
const PATH = "prometheus.io/path";

const MERGED_PATH = "/stats/prometheus";

/** Where the proxy finds what the application asked for. */
export const PROMETHEUS_VARIABLE = "ISTIO_PROMETHEUS_ANNOTATIONS";

export interface PrometheusMerge {
	/** Annotations that send a scraper to the proxy. */
	readonly annotations: Record<string, string>;
	/** What the application asked for, for the proxy to merge in; undefined when it asked for nothing. */
	readonly original: string | undefined;
}

/**
 * Lets one scrape bring the proxy's metrics and the application's (istio-security-telemetry-cli.md 5.2). Annotations that already point at
 * the proxy are an earlier injection's, which noted the application's as `before`.
 */
export function mergePrometheus(annotations: Annotations, before: string | undefined): PrometheusMerge {
	if (annotations["prometheus.istio.io/merge-metrics"] === "false" || annotations[SCRAPE] === "false")
		return { annotations: {}, original: undefined };
	const isMerged = annotations[PORT] === String(PORTS.agent) && annotations[PATH] === MERGED_PATH;
	const merged = { [SCRAPE]: "true", [PORT]: String(PORTS.agent), [PATH]: MERGED_PATH };
	if (isMerged) return { annotations: merged, original: before };
	if (annotations[SCRAPE] === undefined) return { annotations: merged, original: undefined };
	const own = { scrape: annotations[SCRAPE], path: annotations[PATH] ?? "", port: annotations[PORT] ?? "" };
	return { annotations: merged, original: JSON.stringify(own) };
}
