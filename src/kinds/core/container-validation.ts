import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid, notFound, required } from "../field-error.ts";
import { labelRule, portNameRule } from "../name-rules.ts";
import { parseQuantity, QUANTITY_SYNTAX } from "../quantity.ts";
import { isObject, type JsonObject } from "../schema/schema-path.ts";
import { validateEnvironment } from "./env-validation.ts";
import { checkEnum, checkName, checkNonNegative, checkPort, checkPortNumber, checkUnique } from "./field-rules.ts";
import { objectsIn } from "./pod-defaults.ts";
import { validateSecurityContext } from "./security-validation.ts";

const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES = ["FallbackToLogsOnError", "File"];
const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"];

/** Rules of one container (Kubernetes pkg/apis/core/validation, validateContainer). */
export function validateContainer(container: JsonObject, volumes: ReadonlySet<string>, path: FieldPath): FieldError[] {
	const image = container.image;
	return [
		...checkName(container.name, labelRule, path.field("name")),
		...(image === undefined || image === ""
			? [required(path.field("image"))]
			: checkImage(String(image), path.field("image"))),
		...checkEnum(container.imagePullPolicy, PULL_POLICIES, path.field("imagePullPolicy")),
		...checkEnum(container.terminationMessagePolicy, MESSAGE_POLICIES, path.field("terminationMessagePolicy")),
		...validatePorts(objectsIn(container, "ports"), path.field("ports")),
		...validateEnvironment(container, path),
		...validateMounts(objectsIn(container, "volumeMounts"), volumes, path.field("volumeMounts")),
		...validateResources(container.resources, path.field("resources")),
		...validateProbes(container, path),
		...validateSecurityContext(container.securityContext, path.field("securityContext")),
	];
}

function checkImage(image: string, path: FieldPath): FieldError[] {
	return image.trim() === image ? [] : [invalid(path, image, "must not have leading or trailing whitespace")];
}

function validatePorts(ports: readonly JsonObject[], path: FieldPath): FieldError[] {
	const errors = ports.flatMap((port, i) => {
		const at = path.index(i);
		return [
			...(port.name
				? portNameRule(String(port.name)).map((detail) => invalid(at.field("name"), port.name, detail))
				: []),
			...(port.containerPort
				? checkPortNumber(port.containerPort, at.field("containerPort"))
				: [required(at.field("containerPort"))]),
			...(port.hostPort ? checkPortNumber(port.hostPort, at.field("hostPort")) : []),
			...checkEnum(port.protocol, PROTOCOLS, at.field("protocol")),
		];
	});
	return [...errors, ...checkUnique(ports.map((port, i) => [port.name, path.index(i).field("name")]))];
}

function validateMounts(mounts: readonly JsonObject[], volumes: ReadonlySet<string>, path: FieldPath): FieldError[] {
	const errors = mounts.flatMap((mount, i) => {
		const at = path.index(i);
		const found: FieldError[] = [];
		if (!mount.name) found.push(required(at.field("name")));
		else if (!volumes.has(String(mount.name))) found.push(notFound(at.field("name"), mount.name));
		if (!mount.mountPath) found.push(required(at.field("mountPath")));
		return found;
	});
	const seen = new Set<unknown>();
	for (const [i, { mountPath }] of mounts.entries()) {
		if (mountPath && seen.has(mountPath))
			errors.push(invalid(path.index(i).field("mountPath"), mountPath, "must be unique"));
		seen.add(mountPath);
	}
	return errors;
}

/** Requests and limits: quantities, not negative, requests within limits. */
export function validateResources(resources: unknown, path: FieldPath): FieldError[] {
	if (!isObject(resources)) return [];
	const limits = isObject(resources.limits) ? resources.limits : {};
	const requests = isObject(resources.requests) ? resources.requests : {};
	const errors = [
		...validateQuantities(limits, path.field("limits")),
		...validateQuantities(requests, path.field("requests")),
	];
	for (const [name, value] of Object.entries(requests)) {
		const limit = parseQuantity(limits[name]);
		const request = parseQuantity(value);
		if (limits[name] === undefined || limit === undefined || request === undefined) continue;
		if (request > limit)
			errors.push(
				invalid(
					path.field("requests"),
					String(value),
					`must be less than or equal to ${name} limit of ${limits[name]}`,
				),
			);
	}
	return errors;
}

/** A map of quantities. */
export function validateQuantities(quantities: JsonObject, path: FieldPath): FieldError[] {
	return Object.entries(quantities).flatMap(([name, value]) => {
		const amount = parseQuantity(value);
		if (amount === undefined) return [invalid(path.key(name), value, QUANTITY_SYNTAX)];
		return amount < 0 ? [invalid(path.key(name), value, "must be greater than or equal to 0")] : [];
	});
}

function validateProbes(container: JsonObject, path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) {
		const probe = container[name];
		if (!isObject(probe)) continue;
		const at = path.field(name);
		errors.push(...validateHandler(probe, at), ...validateThresholds(probe, at));
		if (name !== "readinessProbe" && probe.successThreshold !== undefined && probe.successThreshold !== 1)
			errors.push(invalid(at.field("successThreshold"), probe.successThreshold, "must be 1"));
	}
	const lifecycle = isObject(container.lifecycle) ? container.lifecycle : {};
	for (const name of ["postStart", "preStop"]) {
		const hook = lifecycle[name];
		if (isObject(hook)) errors.push(...validateHandler(hook, path.field("lifecycle").field(name)));
	}
	return errors;
}

const THRESHOLDS = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];

function validateThresholds(probe: JsonObject, path: FieldPath): FieldError[] {
	return THRESHOLDS.flatMap((name) => checkNonNegative(probe[name], path.field(name)));
}

function validateHandler(handler: JsonObject, path: FieldPath): FieldError[] {
	const given = [...HANDLERS, "sleep"].filter((name) => isObject(handler[name]));
	if (given.length === 0) return [required(path, "must specify a handler type")];
	const extra = given.slice(1).map((name) => forbidden(path.field(name), "may not specify more than 1 handler type"));
	const first = given[0]!;
	return [...extra, ...validateAction(first, handler[first] as JsonObject, path.field(first))];
}

function validateAction(name: string, action: JsonObject, path: FieldPath): FieldError[] {
	if (name === "exec") return objectsOrTexts(action.command) === 0 ? [required(path.field("command"))] : [];
	if (name === "tcpSocket" || name === "grpc") return checkPort(action.port, portNameRule, path.field("port"));
	if (name !== "httpGet") return [];
	return [
		...(action.path ? [] : [required(path.field("path"))]),
		...checkPort(action.port, portNameRule, path.field("port")),
		...checkEnum(action.scheme, ["HTTP", "HTTPS"], path.field("scheme")),
	];
}

function objectsOrTexts(list: unknown): number {
	return Array.isArray(list) ? list.length : 0;
}
