import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { KubeApiError, type KubeClient } from "../client/kube-client.ts";
import type { Container, DownwardItem, KeyToPath, Pod, Volume, VolumeProjection } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { ConfigMap, Secret } from "../client/service.ts";
import { fieldValue, resourceValue } from "./field-reference.ts";
import type { PodNetwork } from "./pod-network.ts";

/** What volumes are filled from. */
export interface VolumeSources {
	readonly client: KubeClient;
	configMap(name: string, namespace: string): ConfigMap | undefined;
	secret(name: string, namespace: string): Secret | undefined;
}

/** A volume cannot be made yet; shown as event FailedMount, tried again. */
export class VolumeError extends Error {
	override name = "VolumeError";
}

const TOKEN_SECONDS = 3607;
const SUPPORTED = ["emptyDir", "hostPath", "configMap", "secret", "downwardAPI", "projected"];

/** Makes the pod's volumes as folders under `root`; returns volume name → folder. Throws VolumeError for what is missing. */
export async function makeVolumes(
	pod: Pod,
	network: PodNetwork,
	root: string,
	sources: VolumeSources,
): Promise<ReadonlyMap<string, string>> {
	const folders = new Map<string, string>();
	for (const volume of pod.spec.volumes ?? []) {
		const folder = volume.hostPath?.path ?? join(root, volume.name);
		folders.set(volume.name, folder);
		if (volume.hostPath) continue;
		await mkdir(folder, { recursive: true });
		const files = await filesOf(pod, network, volume, sources);
		if (files) await writeFiles(folder, files, volume.secret !== undefined || volume.projected !== undefined);
	}
	return folders;
}

/** mountPath → real folder or file, for one container. */
export function mountsOf(container: Container, folders: ReadonlyMap<string, string>): Map<string, string> {
	const mounts = new Map<string, string>();
	for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
		const folder = folders.get(name);
		const path = mountPath.replace(/(.)\/+$/, "$1");
		if (folder !== undefined) mounts.set(path, subPath ? join(folder, safePath(subPath)) : folder);
	}
	return mounts;
}

/** Names of the ConfigMaps and Secrets that a pod's volumes show, so that a change can be shown too. */
export function volumeReferences(pod: Pod): { configMaps: Set<string>; secrets: Set<string> } {
	const volumes = pod.spec.volumes ?? [];
	const projections = volumes.flatMap((volume) => volume.projected?.sources ?? []);
	return {
		configMaps: new Set([...volumes, ...projections].flatMap(({ configMap }) => configMap?.name ?? [])),
		secrets: new Set([
			...volumes.flatMap(({ secret }) => secret?.secretName ?? []),
			...projections.flatMap(({ secret }) => secret?.name ?? []),
		]),
	};
}

type Files = Map<string, Buffer>;

async function filesOf(
	pod: Pod,
	network: PodNetwork,
	volume: Volume,
	sources: VolumeSources,
): Promise<Files | undefined> {
	if (volume.emptyDir) return undefined;
	const kind = Object.keys(volume).find((key) => key !== "name" && volume[key] !== undefined) ?? "emptyDir";
	if (!SUPPORTED.includes(kind))
		throw new VolumeError(`volume "${volume.name}": ${kind} volumes are not supported, only ${SUPPORTED.join(", ")}`);
	const projections: VolumeProjection[] = volume.projected?.sources ?? [
		{
			configMap: volume.configMap,
			downwardAPI: volume.downwardAPI,
			secret: volume.secret && { ...volume.secret, name: volume.secret.secretName },
		},
	];
	const files: Files = new Map();
	for (const projection of projections)
		for (const [path, bytes] of await project(pod, network, projection, sources)) files.set(safePath(path), bytes);
	return files;
}

async function project(
	pod: Pod,
	network: PodNetwork,
	projection: VolumeProjection,
	sources: VolumeSources,
): Promise<[string, Buffer][]> {
	const namespace = pod.metadata.namespace ?? "";
	const { configMap, secret, downwardAPI, serviceAccountToken } = projection;
	if (configMap) {
		const found = sources.configMap(configMap.name, namespace);
		const data = new Map([...encode(found?.data, "utf8"), ...encode(found?.binaryData, "base64")]);
		return pick(found && data, configMap, `configmap "${configMap.name}"`);
	}
	if (secret) {
		const found = sources.secret(secret.name, namespace);
		return pick(found && new Map(encode(found.data, "base64")), secret, `secret "${secret.name}"`);
	}
	if (serviceAccountToken) {
		const token = await requestToken(pod, serviceAccountToken, sources.client);
		return token === undefined ? [] : [[serviceAccountToken.path, Buffer.from(token)]];
	}
	return (downwardAPI?.items ?? []).map((item) => [item.path, Buffer.from(downward(pod, network, item))]);
}

function encode(data: Readonly<Record<string, string>> = {}, encoding: "utf8" | "base64"): [string, Buffer][] {
	return Object.entries(data).map(([key, value]) => [key, Buffer.from(value, encoding)]);
}

/** All keys, or those that `items` names; `data` is undefined when the object does not exist. */
function pick(
	data: ReadonlyMap<string, Buffer> | undefined,
	{ items, optional }: { items?: KeyToPath[]; optional?: boolean },
	what: string,
): [string, Buffer][] {
	if (!data && !optional) throw new VolumeError(`${what} not found`);
	if (!items) return [...(data ?? [])];
	return items.flatMap(({ key, path }): [string, Buffer][] => {
		const bytes = data?.get(key);
		if (bytes) return [[path, bytes]];
		if (optional) return [];
		throw new VolumeError(`${what} has no key "${key}"`);
	});
}

function downward(pod: Pod, network: PodNetwork, { fieldRef, resourceFieldRef }: DownwardItem): string {
	if (fieldRef) return fieldValue(pod, fieldRef.fieldPath, network) ?? "";
	const container = pod.spec.containers.find(({ name }) => name === resourceFieldRef?.containerName);
	return container ? resourceValue(container, resourceFieldRef?.resource ?? "", resourceFieldRef?.divisor) : "";
}

/** Undefined when the server signs no tokens: the pod runs without one, as with automountServiceAccountToken: false. */
async function requestToken(
	pod: Pod,
	{ audience, expirationSeconds = TOKEN_SECONDS }: { audience?: string; expirationSeconds?: number },
	client: KubeClient,
): Promise<string | undefined> {
	const { name, uid, namespace } = pod.metadata;
	const spec = {
		audiences: audience === undefined ? [] : [audience],
		expirationSeconds,
		boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid },
	};
	const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec };
	const account = pod.spec.serviceAccountName ?? "default";
	try {
		const answer = await client.createSubresource(RESOURCES.serviceAccounts, account, "token", request, namespace);
		return (answer.status as { token?: string } | undefined)?.token;
	} catch (error) {
		if (!(error instanceof KubeApiError)) throw error;
		if (error.code === 404 && error.message.includes(`"${account}"`))
			throw new VolumeError(`serviceaccount "${account}" not found`);
		if ([404, 405, 501].includes(error.code)) return undefined;
		throw new VolumeError(`no token for serviceaccount "${account}": ${error.message}`);
	}
}

/** A path inside the volume, wherever its text points. */
function safePath(path: string): string {
	return normalize(`/${path}`).slice(1);
}

/** Writes each file beside its place and moves it there, so that a reader sees the old or the new one, never half. */
async function writeFiles(folder: string, files: Files, secret: boolean): Promise<void> {
	for (const [path, bytes] of files) {
		const target = join(folder, path);
		await mkdir(dirname(target), { recursive: true });
		await writeFile(`${target}.new`, bytes, { mode: secret ? 0o600 : 0o644 });
		await rename(`${target}.new`, target);
	}
}

/** Removes everything that a pod had on disk. */
export async function removeFolder(folder: string): Promise<void> {
	await rm(folder, { recursive: true, force: true });
}
