import { PROXY_CONTAINER } from "../../lib/names.ts";
import type { Container, EnvVar, Pod } from "../client/pod.ts";
import type { ConfigMap, Secret, Service } from "../client/service.ts";
import { expandVariables } from "./expand-variables.ts";
import { fieldValue, resourceValue } from "./field-reference.ts";
import type { MountMap } from "./mount-map.ts";
import { ownAddress, type PodNetwork } from "./pod-network.ts";
import { MARK_VARIABLE } from "./process-identity.ts";
import { serviceEnvironment } from "./service-environment.ts";

/** Everything that a container's environment depends on. */
export interface EnvironmentInput {
	readonly pod: Pod;
	readonly container: Container;
	readonly network: PodNetwork;
	readonly imageEnv: Readonly<Record<string, string>>;
	readonly mounts: MountMap;
	readonly services: readonly Service[];
	configMap(name: string): ConfigMap | undefined;
	secret(name: string): Secret | undefined;
	readonly node: NodeEnvironment;
}

/** What is the same for all containers of a node. */
export interface NodeEnvironment {
	/** Marks the processes of this kubelet (its data folder). */
	readonly mark: string;
	/** Folder with the `curl` wrapper. */
	readonly toolsDir: string;
	/** `file:` URL of the Node preload. */
	readonly preloadUrl: string;
	readonly compileCacheDir: string;
	readonly hostPath: string;
}

/** A container cannot start yet because something that it refers to is missing (reason CreateContainerConfigError). */
export class ConfigError extends Error {
	override name = "ConfigError";
}

/** The environment of a container, in docs/contracts.md's order: Services, Lateen's, the image's, envFrom, env, then what nobody may change. */
export function launchEnvironment(input: EnvironmentInput): Map<string, string> {
	const { pod, container, network, node } = input;
	const namespace = pod.metadata.namespace ?? "";
	const env = pod.spec.enableServiceLinks === false ? new Map() : serviceEnvironment(input.services, namespace);
	const set = (values: Iterable<readonly [string, string]>) => {
		for (const [name, value] of values) env.set(name, value);
	};
	const own = ownAddress(network, container.name);
	set(Object.entries(kubernetesApi(input.services)));
	set([
		["HOSTNAME", pod.spec.hostname ?? pod.metadata.name ?? ""],
		["POD_IP", own],
		["HOST", own],
	]);
	set(Object.entries(input.imageEnv));
	for (const source of container.envFrom ?? []) set(envFrom(input, source));
	for (const variable of container.env ?? []) {
		const value = envValue(input, variable, env);
		if (value !== undefined) env.set(variable.name, value);
	}
	set([
		["LATEEN_APP_IP", network.appIp],
		["LATEEN_POD_IP", network.podIp],
		["LATEEN_LOCALHOST", own],
		["LATEEN_NAMESPACE", namespace],
		["LATEEN_DNS", network.dns],
		[MARK_VARIABLE, node.mark],
		["LATEEN_VOLUMES", JSON.stringify(Object.fromEntries(input.mounts.entries()))],
		["PATH", `${node.toolsDir}:${env.get("PATH") ?? node.hostPath}`],
		["NODE_COMPILE_CACHE", env.get("NODE_COMPILE_CACHE") ?? node.compileCacheDir],
	]);
	// The proxy is what the others' traffic goes through: it must not be sent through itself.
	if (container.name !== PROXY_CONTAINER) set(clientVariables(input, env.get("NODE_OPTIONS")));
	return env;
}

function clientVariables({ pod, network, node }: EnvironmentInput, options: string | undefined): [string, string][] {
	// The node's proxy serves all namespaces: the user name completes short Service names (docs/contracts.md).
	const user = network.hasSidecar ? "" : `${pod.metadata.namespace}:pod@`;
	const proxy = `http://${user}${network.httpProxy}`;
	const direct = "localhost,127.0.0.1,::1";
	return [
		["http_proxy", proxy],
		["HTTP_PROXY", proxy],
		["no_proxy", direct],
		["NO_PROXY", direct],
		["NODE_USE_ENV_PROXY", "1"],
		["NODE_OPTIONS", `--import ${node.preloadUrl}${options ? ` ${options}` : ""}`],
	];
}

/** In every namespace, since in-cluster clients find the API server by it. */
function kubernetesApi(services: readonly Service[]): Record<string, string> {
	const api = services.find(({ metadata }) => metadata.name === "kubernetes" && metadata.namespace === "default");
	return api ? Object.fromEntries(serviceEnvironment([api], "default")) : {};
}

function envFrom(
	input: EnvironmentInput,
	{ prefix = "", configMapRef, secretRef }: NonNullable<Container["envFrom"]>[number],
): [string, string][] {
	const data = configMapRef
		? input.configMap(configMapRef.name)?.data
		: decodeData(input.secret(secretRef?.name ?? ""));
	const reference = configMapRef ?? secretRef;
	if (data === undefined && !exists(input, configMapRef?.name, secretRef?.name) && reference?.optional !== true)
		throw new ConfigError(`${configMapRef ? "configmap" : "secret"} "${reference?.name}" not found`);
	return Object.entries(data ?? {}).map(([name, value]) => [prefix + name, value]);
}

function exists(input: EnvironmentInput, configMap: string | undefined, secret: string | undefined): boolean {
	return configMap === undefined ? input.secret(secret ?? "") !== undefined : input.configMap(configMap) !== undefined;
}

function decodeData(secret: Secret | undefined): Record<string, string> | undefined {
	if (!secret?.data) return undefined;
	const decode = (value: string) => Buffer.from(value, "base64").toString("utf8");
	return Object.fromEntries(Object.entries(secret.data).map(([key, value]) => [key, decode(value)]));
}

function envValue(input: EnvironmentInput, variable: EnvVar, env: ReadonlyMap<string, string>): string | undefined {
	const source = variable.valueFrom;
	if (!source) return input.mounts.rewrite(expandVariables(variable.value ?? "", env));
	if (source.fieldRef) return fieldValue(input.pod, source.fieldRef.fieldPath, input.network);
	if (source.resourceFieldRef) {
		const { containerName, resource, divisor } = source.resourceFieldRef;
		const named = input.pod.spec.containers.find(({ name }) => name === containerName) ?? input.container;
		return resourceValue(named, resource, divisor);
	}
	const reference = source.configMapKeyRef ?? source.secretKeyRef;
	if (!reference) return undefined;
	const kind = source.configMapKeyRef ? "configmap" : "secret";
	const data = source.configMapKeyRef
		? input.configMap(reference.name)?.data
		: decodeData(input.secret(reference.name));
	const value = data?.[reference.key];
	if (value !== undefined || reference.optional === true) return value;
	if (!data) throw new ConfigError(`${kind} "${reference.name}" not found`);
	throw new ConfigError(
		`couldn't find key ${reference.key} in ${kind} ${input.pod.metadata.namespace}/${reference.name}`,
	);
}
