import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { DOWNSTREAM_PEER, UPSTREAM_PEER } from "./filter-state-keys.ts";

/** Who a workload is, as proxies tell each other; an empty text is not known. */
export interface WorkloadMetadata {
	/** Id of the proxy's node: `sidecar~<ip>~<pod>.<ns>~<domain>`; empty for a peer known by its endpoint only. */
	readonly id: string;
	readonly podName: string;
	readonly namespace: string;
	readonly workload: string;
	readonly owner: string;
	readonly cluster: string;
	readonly canonicalName: string;
	readonly canonicalRevision: string;
	readonly app: string;
	readonly version: string;
	/** As far as the peer tells them. */
	readonly labels: Readonly<Record<string, string>>;
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
const record = (value: unknown): Readonly<Record<string, unknown>> =>
	typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** The workload of a node (bootstrap `node.id` and `node.metadata`) or of a peer's metadata, which has the same shape. */
export function workloadOfNode(id: string, metadata: Readonly<Record<string, unknown>>): WorkloadMetadata {
	const labels = record(metadata.LABELS);
	const label = (...names: string[]) => names.map((name) => text(labels[name])).find((value) => value !== "") ?? "";
	const workload = text(metadata.WORKLOAD_NAME);
	return {
		id,
		podName: text(metadata.NAME),
		namespace: text(metadata.NAMESPACE),
		workload,
		owner: text(metadata.OWNER),
		cluster: text(metadata.CLUSTER_ID),
		// Look-up order: istio-security-telemetry-cli.md 2.3.
		canonicalName: label("service.istio.io/canonical-name", "app.kubernetes.io/name", "app") || workload,
		canonicalRevision: label("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"),
		app: label("app", "app.kubernetes.io/name"),
		version: label("version", "app.kubernetes.io/version"),
		labels: Object.fromEntries(
			Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
		),
	};
}

/** The value of x-envoy-peer-metadata: base64 of a google.protobuf.Struct. */
export function encodePeerMetadata(workload: WorkloadMetadata): string {
	const labels = nonEmpty({
		"service.istio.io/canonical-name": workload.canonicalName,
		"service.istio.io/canonical-revision": workload.canonicalRevision,
		app: workload.app,
		version: workload.version,
	});
	const struct = nonEmpty({
		NAME: workload.podName,
		NAMESPACE: workload.namespace,
		WORKLOAD_NAME: workload.workload,
		OWNER: workload.owner,
		CLUSTER_ID: workload.cluster,
	});
	return base64Encode(toBinary(StructSchema, fromJson(StructSchema, { ...struct, LABELS: labels })));
}

function nonEmpty(members: Readonly<Record<string, string>>): JsonObject {
	return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ""));
}

/** Reads x-envoy-peer-metadata; undefined when it is not what a proxy would have sent. */
export function decodePeerMetadata(id: string, value: string): WorkloadMetadata | undefined {
	let metadata: JsonValue;
	try {
		metadata = toJson(StructSchema, fromBinary(StructSchema, base64Decode(value), { readUnknownFields: false }));
	} catch {
		// Whatever a client wrote there: it is then a peer that nothing is known of.
		return undefined;
	}
	return decodePeerStruct(id, metadata);
}

/** The workload of a peer's metadata; undefined when it is none. */
export function decodePeerStruct(id: string, metadata: JsonValue | undefined): WorkloadMetadata | undefined {
	return metadata === undefined ? undefined : workloadOfNode(id, record(metadata));
}

/** Endpoint metadata `istio.workload`: `<workload>;<namespace>;<canonical name>;<canonical revision>;<cluster>`; undefined when it is not one. */
export function workloadOfEndpoint(value: unknown): WorkloadMetadata | undefined {
	const parts = text(value).split(";");
	if (parts.length < 5) return undefined;
	const [workload, namespace, canonicalName, canonicalRevision, cluster] = parts as [
		string,
		string,
		string,
		string,
		string,
	];
	return {
		id: "",
		podName: "",
		namespace,
		workload,
		owner: "",
		cluster,
		canonicalName,
		canonicalRevision,
		// The short form has neither; the canonical labels are what they mostly come from.
		app: "",
		version: "",
		labels: {},
	};
}

/**
 * The members that a peer in the filter state is shown with (Istio: WorkloadMetadataObject, `%FILTER_STATE(downstream_peer:FIELD:workload)%`);
 * undefined for other filter state.
 */
export function peerObject(key: string, value: unknown): object | undefined {
	if (key !== DOWNSTREAM_PEER && key !== UPSTREAM_PEER) return undefined;
	const { workload, namespace, cluster, canonicalName, canonicalRevision, app, version, podName } =
		value as WorkloadMetadata;
	return nonEmpty({
		workload,
		namespace,
		cluster,
		service: canonicalName,
		revision: canonicalRevision,
		app,
		version,
		name: podName,
	});
}
