import type { Service } from "../client/service.ts";

/**
 * The variables that Kubernetes gives containers for Services (`REVIEWS_SERVICE_HOST`, `REVIEWS_PORT_9080_TCP`...): those of
 * the pod's namespace, and `KUBERNETES_*` for the API server always.
 */
export function serviceEnvironment(services: readonly Service[], namespace: string): Map<string, string> {
	const env = new Map<string, string>();
	const visible = services.filter(({ metadata, spec }) => {
		const hasAddress = spec.clusterIP !== undefined && spec.clusterIP !== "" && spec.clusterIP !== "None";
		return hasAddress && metadata.namespace === namespace;
	});
	for (const service of visible) addService(env, service);
	return env;
}

function addService(env: Map<string, string>, { metadata, spec }: Service): void {
	const ip = spec.clusterIP ?? "";
	const prefix = variableName(metadata.name ?? "");
	const [first] = spec.ports ?? [];
	if (!first) return;
	env.set(`${prefix}_SERVICE_HOST`, ip);
	env.set(`${prefix}_SERVICE_PORT`, String(first.port));
	env.set(`${prefix}_PORT`, `${(first.protocol ?? "TCP").toLowerCase()}://${ip}:${first.port}`);
	for (const { name, port, protocol = "TCP" } of spec.ports ?? []) {
		if (name) env.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port));
		const base = `${prefix}_PORT_${port}_${protocol}`;
		env.set(base, `${protocol.toLowerCase()}://${ip}:${port}`);
		env.set(`${base}_PROTO`, protocol.toLowerCase());
		env.set(`${base}_PORT`, String(port));
		env.set(`${base}_ADDR`, ip);
	}
}

function variableName(name: string): string {
	return name.toUpperCase().replaceAll("-", "_");
}
