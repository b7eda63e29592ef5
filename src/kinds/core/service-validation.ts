import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid, required } from "../field-error.ts";
import { validateLabels } from "../metadata-validation.ts";
import { labelRule, portNameRule, subdomainRule } from "../name-rules.ts";
import type { KubeObject } from "../object.ts";
import { type JsonObject, objectIn } from "../schema/schema-path.ts";
import { checkEnum, checkPort, checkPortNumber, checkUnique } from "./field-rules.ts";
import { isAddressBlock, isIpAddress, NOT_AN_ADDRESS } from "./ip-address.ts";
import { objectsIn } from "./pod-defaults.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/** Rules of a Service (Kubernetes pkg/apis/core/validation, ValidateService). */
export function validateService(service: KubeObject, old: KubeObject | undefined): FieldError[] {
	const path = fieldPath("spec");
	const spec = objectIn(service, "spec");
	const errors = [
		...checkEnum(spec.type, TYPES, path.field("type")),
		...checkEnum(spec.sessionAffinity, ["ClientIP", "None"], path.field("sessionAffinity")),
		...checkEnum(spec.externalTrafficPolicy, ["Cluster", "Local"], path.field("externalTrafficPolicy")),
		...checkEnum(spec.internalTrafficPolicy, ["Cluster", "Local"], path.field("internalTrafficPolicy")),
		...validateLabels(spec.selector as Record<string, string> | undefined, path.field("selector")),
		...validatePorts(spec, path),
		...validateExternalName(spec, path),
		...validateClusterIp(spec, path),
		...validateReach(spec, path),
		...validateNodePorts(spec, path.field("ports")),
	];
	return old ? [...errors, ...validateUpdate(spec, objectIn(old, "spec"), path)] : errors;
}

function validateExternalName(spec: JsonObject, path: FieldPath): FieldError[] {
	if (spec.type !== "ExternalName") return [];
	const at = path.field("externalName");
	if (!spec.externalName) return [required(at)];
	return subdomainRule(String(spec.externalName).replace(/\.$/, "")).map((detail) =>
		invalid(at, spec.externalName, detail),
	);
}

function validatePorts(spec: JsonObject, path: FieldPath): FieldError[] {
	const ports = objectsIn(spec, "ports");
	const at = path.field("ports");
	const isHeadless = spec.clusterIP === "None";
	if (ports.length === 0 && spec.type !== "ExternalName" && !isHeadless) return [required(at)];
	const pairs = ports.map((port) => `${port.protocol ?? "TCP"}/${port.port}`);
	return [
		...ports.flatMap((port, i) => validatePort(port, ports.length > 1, at.index(i))),
		...checkUnique(ports.map(({ name }, i) => [name, at.index(i).field("name")])),
		...checkUnique(pairs.map((pair, i) => [pair, at.index(i)])).map((error) => pairDuplicate(error, ports)),
	];
}

/** Kubernetes shows the doubled port as an object. */
function pairDuplicate(error: FieldError, ports: readonly JsonObject[]): FieldError {
	const port = ports[Number(/\[(\d+)\]$/.exec(error.path)?.[1])]!;
	const value = JSON.stringify({ port: port.port, protocol: port.protocol ?? "TCP" });
	return { ...error, kubernetesText: `Duplicate value: ${value}` };
}

function validatePort(port: JsonObject, needsName: boolean, path: FieldPath): FieldError[] {
	const errors = checkPortNumber(port.port, path.field("port"));
	if (needsName && !port.name) errors.push(required(path.field("name")));
	else if (port.name)
		errors.push(...labelRule(String(port.name)).map((detail) => invalid(path.field("name"), port.name, detail)));
	errors.push(...checkEnum(port.protocol, ["SCTP", "TCP", "UDP"], path.field("protocol")));
	if (port.targetPort !== undefined) errors.push(...checkPort(port.targetPort, portNameRule, path.field("targetPort")));
	if (port.nodePort) errors.push(...checkPortNumber(port.nodePort, path.field("nodePort")));
	return errors;
}

function validateNodePorts(spec: JsonObject, path: FieldPath): FieldError[] {
	if (spec.type !== "ClusterIP") return [];
	return objectsIn(spec, "ports").flatMap(({ nodePort }, i) =>
		nodePort ? [forbidden(path.index(i).field("nodePort"), "may not be used when `type` is 'ClusterIP'")] : [],
	);
}

function validateClusterIp(spec: JsonObject, path: FieldPath): FieldError[] {
	const ip = spec.clusterIP;
	if (!ip || ip === "None") {
		const isHeadless = ip === "None" && (spec.type === "NodePort" || spec.type === "LoadBalancer");
		return isHeadless
			? [invalid(path.field("clusterIPs").index(0), "None", "may not be set to 'None' for LoadBalancer services")]
			: [];
	}
	return isIpAddress(String(ip)) ? [] : [invalid(path.field("clusterIPs").index(0), ip, NOT_AN_ADDRESS)];
}

const EXTERNAL_TYPES = ["NodePort", "LoadBalancer"];

function validateReach(spec: JsonObject, path: FieldPath): FieldError[] {
	const addresses = textsIn(spec, "externalIPs");
	const isExternal = EXTERNAL_TYPES.includes(String(spec.type)) || addresses.length > 0;
	const errors = addresses.flatMap((ip, i) =>
		isIpAddress(ip) ? [] : [invalid(path.field("externalIPs").index(i), ip, NOT_AN_ADDRESS)],
	);
	if (spec.externalTrafficPolicy && !isExternal) {
		const detail = "may only be set for externally-accessible services";
		errors.push(invalid(path.field("externalTrafficPolicy"), spec.externalTrafficPolicy, detail));
	}
	for (const [i, family] of textsIn(spec, "ipFamilies").entries())
		errors.push(...checkEnum(family, ["IPv4", "IPv6"], path.field("ipFamilies").index(i)));
	return [...errors, ...validateSourceRanges(spec, path)];
}

/** kube-apiserver writes this member's name with a capital. */
function validateSourceRanges(spec: JsonObject, path: FieldPath): FieldError[] {
	const at = path.field("LoadBalancerSourceRanges");
	const ranges = textsIn(spec, "loadBalancerSourceRanges");
	const errors =
		ranges.length > 0 && spec.type !== "LoadBalancer"
			? [forbidden(at, "may only be used when `type` is 'LoadBalancer'")]
			: [];
	const detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
	for (const [i, range] of ranges.entries())
		if (!isAddressBlock(range.trim())) errors.push(invalid(at.index(i), range, detail));
	return errors;
}

function textsIn(spec: JsonObject, name: string): string[] {
	const list = spec[name];
	return Array.isArray(list) ? list.map(String) : [];
}

function validateUpdate(spec: JsonObject, old: JsonObject, path: FieldPath): FieldError[] {
	if (spec.type === "ExternalName" || old.type === "ExternalName" || !old.clusterIP) return [];
	if (spec.clusterIP === old.clusterIP) return [];
	return [invalid(path.field("clusterIPs").index(0), spec.clusterIP ?? "", "may not change once set")];
}
