import type { JsonObject } from "@bufbuild/protobuf";
import { type Problem, problem } from "../../lib/problem.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { type Locality, NO_LOCALITY, type WorkloadIdentity } from "../model/service.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { type ContainerPort, workloadKey } from "../model/workload.ts";
import { NO_CHECK, type ProxyCheck } from "./proxy-check.ts";

/** A connected proxy, as far as its configuration depends on it. */
export interface ConnectedProxy {
	readonly id: string;
	readonly role: "sidecar" | "router";
	/** The address that it binds and that peers know. */
	readonly ip: string;
	/** Where the application behind a sidecar listens. */
	readonly appIp: string;
	readonly podName: string;
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly locality: Locality;
	readonly identity: WorkloadIdentity | undefined;
	readonly containerPorts: readonly ContainerPort[];
	readonly clusterId: string;
	/** Names of the extensions that it can run (`node.extensions`). */
	readonly extensions: ReadonlySet<string>;
	/** What it would refuse. */
	readonly check: ProxyCheck;
}

/** `NODE_ID_FIELDS` joined with `~`: role, address, pod.namespace, DNS domain. */
const NODE_ID_FIELDS = 4;

/**
 * Reads a proxy out of an xDS node. Labels, ports and locality are looked up by pod; a proxy without a pod (started by hand) brings
 * LABELS in its metadata.
 */
export function proxyOf(node: Node, snapshot: Snapshot, check: ProxyCheck = NO_CHECK): ConnectedProxy | Problem {
	const fields = node.id.split("~");
	const [role, ip, instance, domain] = fields;
	if (fields.length !== NODE_ID_FIELDS || (role !== "sidecar" && role !== "router") || !ip || !instance || !domain)
		return problem(
			"LTN3721",
			"node.id",
			`"${node.id}" is not a node id of the form sidecar~<ip>~<pod>.<namespace>~<domain>`,
			"set the id as Istio's agent does",
		);
	const metadata = node.metadata ?? {};
	const mode = text(metadata, "INTERCEPTION_MODE") ?? "REDIRECT";
	if (role === "sidecar" && mode !== "NONE")
		return problem(
			"LTN3722",
			"node.metadata.INTERCEPTION_MODE",
			`interception mode ${mode} is not supported yet`,
			"start the sidecar with INTERCEPTION_MODE NONE",
		);
	const namespace = text(metadata, "NAMESPACE") ?? domain.split(".")[0]!;
	const podName = text(metadata, "NAME") ?? instance.slice(0, instance.lastIndexOf("."));
	const workload = snapshot.workloads.get(workloadKey(namespace, podName));
	return {
		id: node.id,
		role,
		ip,
		appIp: text(metadata, "LATEEN_APP_IP") ?? "127.0.0.1",
		podName,
		namespace,
		labels: workload?.labels ?? labelsOf(metadata),
		locality: workload?.locality ?? localityOfNode(node),
		identity: workload?.identity,
		containerPorts: workload?.containerPorts ?? [],
		clusterId: text(metadata, "CLUSTER_ID") ?? "Kubernetes",
		extensions: new Set(node.extensions.map((e) => e.name)),
		check: node.userAgentName === check.userAgent ? check : NO_CHECK,
	};
}

export function isProblem(value: ConnectedProxy | Problem): value is Problem {
	return "code" in value;
}

function text(metadata: JsonObject, key: string): string | undefined {
	const value = metadata[key];
	return typeof value === "string" && value !== "" ? value : undefined;
}

function labelsOf(metadata: JsonObject): Readonly<Record<string, string>> {
	const labels = metadata.LABELS;
	if (typeof labels !== "object" || labels === null || Array.isArray(labels)) return {};
	return Object.fromEntries(Object.entries(labels).filter((e): e is [string, string] => typeof e[1] === "string"));
}

function localityOfNode(node: Node): Locality {
	if (!node.locality) return NO_LOCALITY;
	return { region: node.locality.region, zone: node.locality.zone, subzone: node.locality.subZone };
}
