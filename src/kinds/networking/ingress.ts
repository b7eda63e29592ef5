import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum, checkImmutable } from "../core/field-rules.ts";
import { objectsIn } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, listAt, text, textAt } from "../table/columns.ts";

const MAX_HOSTS = 3;

/** Ingress of networking.k8s.io/v1. */
export const Ingress = builtinKind({
	group: "networking.k8s.io",
	kind: "Ingress",
	hasGeneration: true,
	columns: [
		text("Class", (ingress) => textAt(ingress, "spec.ingressClassName", "<none>")),
		text("Hosts", formatHosts),
		text("Address", (ingress) =>
			listAt<{ ip?: string; hostname?: string }>(ingress, "status.loadBalancer.ingress")
				.map(({ ip, hostname }) => ip || hostname || "")
				.filter((address) => address !== "")
				.sort()
				.join(","),
		),
		text("Ports", (ingress) => (listAt(ingress, "spec.tls").length > 0 ? "80, 443" : "80")),
		AGE,
	],
	validate: (ingress) => ({ errors: validateIngress(ingress), warnings: [] }),
});

function formatHosts(ingress: KubeObject): string {
	const hosts = listAt<{ host?: string }>(ingress, "spec.rules").flatMap(({ host }) => (host ? [host] : []));
	const shown = hosts.slice(0, MAX_HOSTS).join(",");
	if (shown === "") return "*";
	return hosts.length > MAX_HOSTS ? `${shown} + ${hosts.length - MAX_HOSTS} more...` : shown;
}

function validateIngress(ingress: KubeObject): FieldError[] {
	const path = fieldPath("spec");
	const spec = objectIn(ingress, "spec");
	const rules = objectsIn(spec, "rules");
	if (rules.length === 0 && !isObject(spec.defaultBackend))
		return [invalid(path, "", "either `defaultBackend` or `rules` must be specified")];
	const errors = isObject(spec.defaultBackend)
		? validateBackend(spec.defaultBackend, path.field("defaultBackend"))
		: [];
	return [
		...errors,
		...rules.flatMap((rule, i) => {
			const at_ = path.field("rules").index(i).field("http").field("paths");
			return objectsIn(objectIn(rule, "http"), "paths").flatMap((entry, j) => validatePath(entry, at_.index(j)));
		}),
	];
}

function validatePath(entry: JsonObject, path: FieldPath): FieldError[] {
	const types = ["Exact", "ImplementationSpecific", "Prefix"];
	const errors = entry.pathType
		? checkEnum(entry.pathType, types, path.field("pathType"))
		: [required(path.field("pathType"), "pathType must be specified")];
	const isRooted = typeof entry.path === "string" && entry.path.startsWith("/");
	if (entry.pathType !== "ImplementationSpecific" && !isRooted)
		errors.push(invalid(path.field("path"), entry.path ?? "", "must be an absolute path"));
	return [...errors, ...validateBackend(objectIn(entry, "backend"), path.field("backend"))];
}

function validateBackend(backend: JsonObject, path: FieldPath): FieldError[] {
	if (isObject(backend.resource)) {
		return isObject(backend.service) ? [invalid(path, "", "cannot set both resource and service backends")] : [];
	}
	const service = objectIn(backend, "service");
	const at_ = path.field("service");
	const errors: FieldError[] = service.name ? [] : [required(at_.field("name"))];
	const port = objectIn(service, "port");
	if (port.name === undefined && !port.number) errors.push(required(path, "port name or number is required"));
	if (port.name && port.number) errors.push(invalid(path, "", "cannot set both port name & port number"));
	return errors;
}

/** IngressClass of networking.k8s.io/v1. */
export const IngressClass = builtinKind({
	group: "networking.k8s.io",
	kind: "IngressClass",
	hasGeneration: true,
	columns: [
		text("Controller", (ingressClass) => textAt(ingressClass, "spec.controller")),
		text("Parameters", (ingressClass) => {
			const parameters = at(ingressClass, "spec.parameters");
			if (!isObject(parameters)) return "<none>";
			return `${parameters.kind}${parameters.apiGroup ? `.${parameters.apiGroup}` : ""}/${parameters.name}`;
		}),
		AGE,
	],
	validate(ingressClass, old) {
		const path = fieldPath("spec").field("controller");
		const controller = objectIn(ingressClass, "spec").controller;
		const errors = controller ? [] : [required(path)];
		if (old) errors.push(...checkImmutable(controller, objectIn(old, "spec").controller, path));
		return { errors, warnings: [] };
	},
});
