import type { KubeObject } from "../../kinds/object.ts";
import { PROXY_CONTAINER } from "../../lib/names.ts";
import { metaOf } from "./config-object.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import type { Parsed } from "./parsed.ts";
import { type Locality, NO_LOCALITY, type WorkloadIdentity } from "./service.ts";
import type { ContainerPort, Workload } from "./workload.ts";

/** Reads a core/v1 Pod. Pods without an address or that have ended are no workloads: `value` is undefined, no problem. */
export function parseWorkload(pod: KubeObject, localityOfNode: (node: string) => Locality): Parsed<Workload> {
	const meta = metaOf(pod);
	const sink = new ProblemSink(true);
	const spec = ObjectReader.spec(pod, sink);
	const status = readStatus(pod);
	const containers = spec.list("containers", readContainer);
	const initContainers = spec.list("initContainers", readContainer);
	const nodeName = spec.string("nodeName") ?? "";
	const value: Workload = {
		podName: meta.name,
		namespace: meta.namespace,
		ip: status.ip,
		labels: meta.labels,
		annotations: meta.annotations,
		identity: identityOf(pod, spec.string("serviceAccountName") ?? "default"),
		locality: localityOfNode(nodeName),
		nodeName,
		containerPorts: containers.flatMap((c) => (c.name === PROXY_CONTAINER ? [] : c.ports)),
		hasSidecar: [...containers, ...initContainers].some((c) => c.name === PROXY_CONTAINER),
	};
	const usable = status.ip !== "" && status.phase !== "Succeeded" && status.phase !== "Failed";
	return { value: usable && !sink.malformed ? value : undefined, problems: sink.problems };
}

function readStatus(pod: KubeObject): { ip: string; phase: string } {
	const status = typeof pod.status === "object" && pod.status !== null ? (pod.status as Record<string, unknown>) : {};
	return {
		ip: typeof status.podIP === "string" ? status.podIP : "",
		phase: typeof status.phase === "string" ? status.phase : "",
	};
}

function readContainer(r: ObjectReader): { name: string; ports: readonly ContainerPort[] } {
	const name = r.string("name") ?? "";
	const ports = r.list("ports", (p) => ({
		number: p.number("containerPort") ?? 0,
		name: p.string("name") ?? "",
		transport: p.string("protocol") ?? "TCP",
	}));
	return { name, ports: ports.filter((p) => p.transport === "TCP").map((p) => ({ number: p.number, name: p.name })) };
}

/** Names as telemetry uses them (istio-security-telemetry-cli.md 2.3). */
function identityOf(pod: KubeObject, serviceAccount: string): WorkloadIdentity {
	const labels = pod.metadata.labels ?? {};
	const name = labels["service.istio.io/workload-name"] ?? ownerName(pod);
	return {
		name,
		namespace: pod.metadata.namespace ?? "",
		canonicalName:
			labels["service.istio.io/canonical-name"] ?? labels["app.kubernetes.io/name"] ?? labels.app ?? trimLabel(name),
		canonicalRevision:
			labels["service.istio.io/canonical-revision"] ??
			labels["app.kubernetes.io/version"] ??
			labels.version ??
			"latest",
		serviceAccount,
	};
}

function trimLabel(name: string): string {
	return name.slice(0, 63).replace(/[-_.]+$/, "");
}

/** A ReplicaSet's name is its Deployment's plus the pod-template-hash that Kubernetes also writes as a label. */
function ownerName(pod: KubeObject): string {
	const owner = pod.metadata.ownerReferences?.find((o) => o.controller);
	if (!owner) return pod.metadata.name ?? "";
	const hash = pod.metadata.labels?.["pod-template-hash"];
	const suffix = `-${hash}`;
	const isDeployment = owner.kind === "ReplicaSet" && hash && owner.name.endsWith(suffix);
	return isDeployment ? owner.name.slice(0, -suffix.length) : owner.name;
}

/** Region, zone and subzone from a Node's topology labels. */
export function localityOf(node: KubeObject | undefined): Locality {
	const labels = node?.metadata.labels;
	if (!labels) return NO_LOCALITY;
	return Object.freeze({
		region: labels["topology.kubernetes.io/region"] ?? "",
		zone: labels["topology.kubernetes.io/zone"] ?? "",
		subzone: labels["topology.istio.io/subzone"] ?? "",
	});
}
