import { builtinKind } from "../builtin-kind.ts";
import type { KubeObject } from "../object.ts";
import { AGE, at, listAt, text, textAt, wide } from "../table/columns.ts";

const ROLE_PREFIX = "node-role.kubernetes.io/";

interface Address {
	readonly type: string;
	readonly address: string;
}

const address = (node: KubeObject, type: string) =>
	listAt<Address>(node, "status.addresses").find((entry) => entry.type === type)?.address ?? "<none>";

const info = (name: string, member: string) =>
	wide(text(name, (node) => textAt(node, `status.nodeInfo.${member}`) || "<unknown>"));

/** Node of the core group. */
export const Node = builtinKind({
	group: "",
	kind: "Node",
	columns: [
		text("Status", nodeStatus),
		text("Roles", nodeRoles),
		AGE,
		text("Version", (node) => textAt(node, "status.nodeInfo.kubeletVersion")),
		wide(text("Internal-IP", (node) => address(node, "InternalIP"))),
		wide(text("External-IP", (node) => address(node, "ExternalIP"))),
		info("OS-Image", "osImage"),
		info("Kernel-Version", "kernelVersion"),
		info("Container-Runtime", "containerRuntimeVersion"),
	],
	fields: { "spec.unschedulable": (node) => String(at(node, "spec.unschedulable") === true) },
});

function nodeStatus(node: KubeObject): string {
	const ready = listAt<{ type: string; status: string }>(node, "status.conditions").find(
		({ type }) => type === "Ready",
	);
	const word = !ready ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
	return at(node, "spec.unschedulable") === true ? `${word},SchedulingDisabled` : word;
}

function nodeRoles({ metadata }: KubeObject): string {
	const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
		if (key.startsWith(ROLE_PREFIX)) return key.slice(ROLE_PREFIX.length);
		return key === "kubernetes.io/role" ? value : "";
	});
	const named = [...new Set(roles.filter((role) => role !== ""))].sort();
	return named.join(",") || "<none>";
}
