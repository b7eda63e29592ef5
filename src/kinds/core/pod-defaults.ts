import { isObject, type JsonObject } from "../schema/schema-path.ts";

/** Defaults of pod specs and their parts (Kubernetes pkg/apis/core/v1/defaults.go). All functions work in place. */

/** Sets a member that is absent (or null). */
export function setDefault(object: JsonObject, name: string, value: unknown): void {
	if (object[name] === undefined || object[name] === null) object[name] = value;
}

/** As `setDefault`, but an empty text counts as absent (a non-pointer string in Go). */
export function setText(object: JsonObject, name: string, value: string): void {
	if (!object[name]) object[name] = value;
}

/** The objects in a list member. */
export function objectsIn(object: JsonObject, name: string): JsonObject[] {
	const list = object[name];
	return Array.isArray(list) ? list.filter(isObject) : [];
}

/** Defaults of a PodSpec; in a template and in a pod alike. */
export function applyPodSpecDefaults(spec: JsonObject): void {
	setText(spec, "restartPolicy", "Always");
	setText(spec, "dnsPolicy", "ClusterFirst");
	setDefault(spec, "terminationGracePeriodSeconds", 30);
	setDefault(spec, "securityContext", {});
	setText(spec, "schedulerName", "default-scheduler");
	if (spec.serviceAccountName) setText(spec, "serviceAccount", String(spec.serviceAccountName));
	else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
	for (const container of objectsIn(spec, "containers")) applyContainerDefaults(container);
	for (const container of objectsIn(spec, "initContainers")) applyContainerDefaults(container);
	for (const container of objectsIn(spec, "ephemeralContainers")) applyContainerDefaults(container);
	for (const volume of objectsIn(spec, "volumes")) applyVolumeDefaults(volume);
	if (spec.hostNetwork === true) copyHostPorts(spec);
}

/** Defaults that only a Pod has, besides those of its spec. */
export function applyPodDefaults(spec: JsonObject): void {
	setDefault(spec, "enableServiceLinks", true);
	for (const container of [...objectsIn(spec, "containers"), ...objectsIn(spec, "initContainers")])
		copyLimitsToRequests(container);
}

function applyContainerDefaults(container: JsonObject): void {
	setText(container, "terminationMessagePath", "/dev/termination-log");
	setText(container, "terminationMessagePolicy", "File");
	setText(container, "imagePullPolicy", pullPolicyOf(String(container.image ?? "")));
	for (const port of objectsIn(container, "ports")) setText(port, "protocol", "TCP");
	for (const variable of objectsIn(container, "env")) {
		const source = variable.valueFrom;
		if (isObject(source) && isObject(source.fieldRef)) setText(source.fieldRef, "apiVersion", "v1");
	}
	for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) {
		const probe = container[name];
		if (isObject(probe)) applyProbeDefaults(probe);
	}
	for (const hook of Object.values(isObject(container.lifecycle) ? container.lifecycle : {}))
		if (isObject(hook) && isObject(hook.httpGet)) applyHttpGetDefaults(hook.httpGet);
}

/** `Always` for images without a tag or with `latest`. */
function pullPolicyOf(image: string): string {
	if (image.includes("@")) return "IfNotPresent";
	const lastPart = image.slice(image.lastIndexOf("/") + 1);
	const tag = lastPart.includes(":") ? lastPart.slice(lastPart.indexOf(":") + 1) : "latest";
	return tag === "latest" ? "Always" : "IfNotPresent";
}

function applyProbeDefaults(probe: JsonObject): void {
	for (const [name, value] of Object.entries({
		timeoutSeconds: 1,
		periodSeconds: 10,
		successThreshold: 1,
		failureThreshold: 3,
	})) {
		if (!probe[name]) probe[name] = value;
	}
	if (isObject(probe.httpGet)) applyHttpGetDefaults(probe.httpGet);
	if (isObject(probe.grpc)) setDefault(probe.grpc, "service", "");
}

function applyHttpGetDefaults(httpGet: JsonObject): void {
	setText(httpGet, "path", "/");
	setText(httpGet, "scheme", "HTTP");
}

const FILE_MODE = 0o644;

function applyVolumeDefaults(volume: JsonObject): void {
	const sources = Object.keys(volume).filter((name) => name !== "name");
	if (sources.length === 0) volume.emptyDir = {};
	if (isObject(volume.secret)) setDefault(volume.secret, "defaultMode", FILE_MODE);
	if (isObject(volume.configMap)) setDefault(volume.configMap, "defaultMode", FILE_MODE);
	if (isObject(volume.downwardAPI)) setDefault(volume.downwardAPI, "defaultMode", FILE_MODE);
	if (isObject(volume.hostPath)) setDefault(volume.hostPath, "type", "");
	if (isObject(volume.projected)) applyProjectedDefaults(volume.projected);
}

function applyProjectedDefaults(projected: JsonObject): void {
	setDefault(projected, "defaultMode", FILE_MODE);
	for (const source of objectsIn(projected, "sources")) {
		if (isObject(source.serviceAccountToken)) setDefault(source.serviceAccountToken, "expirationSeconds", 3600);
		for (const item of objectsIn(isObject(source.downwardAPI) ? source.downwardAPI : {}, "items"))
			if (isObject(item.fieldRef)) setText(item.fieldRef, "apiVersion", "v1");
	}
}

/** With hostNetwork a container's ports are the host's. */
function copyHostPorts(spec: JsonObject): void {
	for (const container of objectsIn(spec, "containers"))
		for (const port of objectsIn(container, "ports")) if (!port.hostPort) port.hostPort = port.containerPort;
}

/** A limit without a request is a request too. */
function copyLimitsToRequests(container: JsonObject): void {
	const { resources } = container;
	if (!isObject(resources) || !isObject(resources.limits)) return;
	const requests = isObject(resources.requests) ? resources.requests : {};
	for (const [name, value] of Object.entries(resources.limits)) setDefault(requests, name, value);
	resources.requests = requests;
}
