import { builtinKind } from "../builtin-kind.ts";
import type { KubeObject } from "../object.ts";
import { isObject } from "../schema/schema-path.ts";
import { AGE, at, listAt, text } from "../table/columns.ts";

interface Condition {
	readonly type: string;
	readonly status: string;
	readonly reason?: string;
}

function availability(service: KubeObject): string {
	const available = listAt<Condition>(service, "status.conditions").find(({ type }) => type === "Available");
	if (!available) return "Unknown";
	return available.status === "True" || !available.reason
		? available.status
		: `${available.status} (${available.reason})`;
}

/** APIService of apiregistration.k8s.io/v1. */
export const APIService = builtinKind({
	group: "apiregistration.k8s.io",
	kind: "APIService",
	columns: [
		text("Service", (service) => {
			const target = at(service, "spec.service");
			return isObject(target) ? `${target.namespace}/${target.name}` : "Local";
		}),
		text("Available", availability),
		AGE,
	],
});
