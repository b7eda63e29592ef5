import { parse, YAMLParseError } from "yaml";
import { type Problem, problem } from "../../lib/problem.ts";

type Annotations = Readonly<Record<string, string>>;

/** Injection refuses the pod: an annotation asks for what cannot be. */
const BAD_ANNOTATION = "LTN1511";
const PROXY_CONFIG_ANNOTATION = "proxy.istio.io/config";
const NUMBER = /^\d+$/;
const BOOLEAN = /^(true|false)$/;
const PORT_LIST = /^(\*|\d{1,5}(,\d{1,5})*|)$/;

/** Values that Istio checks before it lets a pod in (istio-security-telemetry-cli.md 5.4). */
const CHECKS: Readonly<Record<string, { readonly pattern: RegExp; readonly says: string }>> = {
	"sidecar.istio.io/interceptionMode": { pattern: /^NONE$/, says: "must be NONE: traffic is not captured yet" },
	"status.sidecar.istio.io/port": { pattern: NUMBER, says: "must be a number" },
	"readiness.status.sidecar.istio.io/initialDelaySeconds": { pattern: NUMBER, says: "must be a number" },
	"readiness.status.sidecar.istio.io/periodSeconds": { pattern: NUMBER, says: "must be a number" },
	"readiness.status.sidecar.istio.io/failureThreshold": { pattern: NUMBER, says: "must be a number" },
	"traffic.sidecar.istio.io/includeInboundPorts": { pattern: PORT_LIST, says: "must be port numbers or *" },
	"traffic.sidecar.istio.io/excludeInboundPorts": { pattern: PORT_LIST, says: "must be port numbers" },
	"traffic.sidecar.istio.io/includeOutboundPorts": { pattern: PORT_LIST, says: "must be port numbers" },
	"traffic.sidecar.istio.io/excludeOutboundPorts": { pattern: PORT_LIST, says: "must be port numbers" },
	"prometheus.istio.io/merge-metrics": { pattern: BOOLEAN, says: "must be true or false" },
};

/** Problems of a pod's annotations that forbid injection. */
export function checkAnnotations(annotations: Annotations): readonly Problem[] {
	const found = Object.entries(CHECKS).flatMap(([key, { pattern, says }]) => {
		const value = annotations[key];
		if (value === undefined || pattern.test(value)) return [];
		return [
			problem(BAD_ANNOTATION, `metadata.annotations[${key}]`, `"${value}" ${says}`, "change or remove the annotation"),
		];
	});
	const config = readProxyConfig(annotations);
	return config.problem ? [...found, config.problem] : found;
}

export interface ProxyConfigReading {
	readonly config: Readonly<Record<string, unknown>>;
	readonly problem: Problem | undefined;
}

/** The pod's own ProxyConfig, empty when it has none or one that cannot be read. */
export function readProxyConfig(annotations: Annotations): ProxyConfigReading {
	const text = annotations[PROXY_CONFIG_ANNOTATION];
	if (text === undefined) return { config: {}, problem: undefined };
	const where = `metadata.annotations[${PROXY_CONFIG_ANNOTATION}]`;
	const refuse = (what: string): ProxyConfigReading => ({ config: {}, problem: problem(BAD_ANNOTATION, where, what) });
	try {
		const config: unknown = parse(text) ?? {};
		if (typeof config !== "object" || config === null || Array.isArray(config)) return refuse("is not a YAML map");
		return { config: config as Record<string, unknown>, problem: undefined };
	} catch (error) {
		if (!(error instanceof YAMLParseError)) throw error;
		return refuse(`is not YAML: ${error.message.split("\n")[0]}`);
	}
}
