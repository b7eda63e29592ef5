import { createHash } from "node:crypto";
import { formatApiVersion } from "../../../kinds/api-version.ts";
import type { KindDefinition, Subresource } from "../../../kinds/definition.ts";
import type { ResourceTable, ServedGroup } from "../rest/resource-table.ts";

const STATUS_VERBS = ["get", "patch", "update"];

/** Versions of the aggregated document that clients ask for; they differ in their names only. */
export type AggregatedVersion = "v2" | "v2beta1";

/** `APIGroupDiscoveryList` of the core group (`/api`) or of all others (`/apis`). */
export function aggregatedDiscovery(table: ResourceTable, root: "api" | "apis", version: AggregatedVersion): object {
	const groups = table.groups().filter((group) => (group.name === "") === (root === "api"));
	return {
		kind: "APIGroupDiscoveryList",
		apiVersion: `apidiscovery.k8s.io/${version}`,
		metadata: {},
		items: groups.map((group) => ({
			metadata: { ...(group.name === "" ? {} : { name: group.name }), creationTimestamp: null },
			versions: group.versions.map((one) => ({
				version: one,
				resources: kindsOf(group, one).map(aggregatedResource),
				freshness: "Current",
			})),
		})),
	};
}

function aggregatedResource(kind: KindDefinition): object {
	const subresources = subresourcesOf(kind).map(({ name, responseKind, verbs }) => ({
		subresource: name,
		responseKind,
		verbs,
	}));
	return {
		resource: kind.plural,
		responseKind: { group: "", version: "", kind: kind.kind },
		scope: kind.namespaced ? "Namespaced" : "Cluster",
		singularResource: kind.singular,
		verbs: kind.verbs,
		...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
		...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
		...(subresources.length > 0 ? { subresources } : {}),
	};
}

/** `APIResourceList` of one group and version; undefined when it is not served. */
export function resourceList(table: ResourceTable, groupName: string, version: string): object | undefined {
	const group = table.group(groupName);
	if (!group?.versions.includes(version)) return undefined;
	const groupVersion = formatApiVersion(groupName, version);
	return {
		kind: "APIResourceList",
		apiVersion: "v1",
		groupVersion,
		resources: kindsOf(group, version).flatMap((kind) => [
			legacyResource(kind),
			...subresourcesOf(kind).map((subresource) => legacySubresource(kind, subresource, version)),
		]),
	};
}

function legacyResource(kind: KindDefinition): object {
	return {
		name: kind.plural,
		singularName: kind.singular,
		namespaced: kind.namespaced,
		kind: kind.kind,
		verbs: kind.verbs,
		...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
		...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
		storageVersionHash: hashOf(`${kind.group}/${kind.storageVersion}/${kind.kind}`).slice(0, 11),
	};
}

function legacySubresource(kind: KindDefinition, { name, responseKind, verbs }: Subresource, version: string): object {
	const isOwn = responseKind.version === "" || (responseKind.group === kind.group && responseKind.version === version);
	return {
		name: `${kind.plural}/${name}`,
		singularName: "",
		namespaced: kind.namespaced,
		...(isOwn ? {} : { group: responseKind.group, version: responseKind.version }),
		kind: responseKind.kind,
		verbs,
	};
}

/** `APIGroupList` of `/apis`. */
export function groupList(table: ResourceTable): object {
	const groups = table.groups().filter((group) => group.name !== "");
	return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(describeGroup) };
}

/** `APIGroup` of `/apis/{group}`; undefined when it is not served. */
export function groupDocument(table: ResourceTable, name: string): object | undefined {
	const group = name === "" ? undefined : table.group(name);
	return group && { kind: "APIGroup", apiVersion: "v1", ...describeGroup(group) };
}

function describeGroup({ name, versions }: ServedGroup): object {
	const described = versions.map((version) => ({ groupVersion: formatApiVersion(name, version), version }));
	return { name, versions: described, preferredVersion: described[0] };
}

/** `APIVersions` of `/api`. */
export function coreVersions(serverAddress: string): object {
	return {
		kind: "APIVersions",
		versions: ["v1"],
		serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
	};
}

function kindsOf(group: ServedGroup, version: string): KindDefinition[] {
	return group.kinds.filter((kind) => kind.versions.includes(version));
}

function subresourcesOf(kind: KindDefinition): readonly Subresource[] {
	if (kind.subresources.details) return kind.subresources.details;
	const own = { group: "", version: "", kind: kind.kind };
	const scale = { group: "autoscaling", version: "v1", kind: "Scale" };
	return [
		...(kind.subresources.scale ? [{ name: "scale", responseKind: scale, verbs: STATUS_VERBS }] : []),
		...(kind.subresources.status ? [{ name: "status", responseKind: own, verbs: STATUS_VERBS }] : []),
	];
}

/** A short stable hash of a text. */
export function hashOf(text: string): string {
	return createHash("sha256").update(text).digest("base64url");
}
