import type { KubeObject } from "../../kinds/object.ts";
import { type Problem, problem } from "../../lib/problem.ts";

/** Istio's kinds that no part of this version reads, and what that means for who writes one. */
const UNREAD: Readonly<Record<string, string>> = {
	AuthorizationPolicy: "no request is denied by it",
	PeerAuthentication: "pods go on talking plain text",
	RequestAuthentication: "no token is checked",
	Sidecar: "every proxy keeps getting all Services",
	EnvoyFilter: "the proxies' configuration stays as it is",
	WasmPlugin: "no proxy loads it",
	Telemetry: "metrics, traces and access logs stay as they are",
	ProxyConfig: "the proxies' settings stay as they are",
	WorkloadEntry: "no traffic goes to it",
	WorkloadGroup: "no WorkloadEntry is made from it",
};

/** The problem of an object of one of Istio's kinds that nothing here obeys; undefined for every other object. */
export function unreadKind({ apiVersion, kind }: KubeObject): Problem | undefined {
	const effect = Object.hasOwn(UNREAD, kind) ? UNREAD[kind] : undefined;
	if (effect === undefined || !apiVersion.split("/")[0]!.endsWith(".istio.io")) return undefined;
	return problem("LTN1504", "kind", `${kind} is stored but not supported yet: ${effect}`);
}
