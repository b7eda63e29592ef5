import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum, checkUnique } from "../core/field-rules.ts";
import { objectsIn, setDefault, setText } from "../core/pod-defaults.ts";
import type { Column, FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, integer, listAt } from "../table/columns.ts";

const GROUP = "admissionregistration.k8s.io";

const columns: readonly Column[] = [
	integer("Webhooks", (configuration) => listAt(configuration, "webhooks").length),
	AGE,
];

const webhooksOf = (configuration: KubeObject) => objectsIn(configuration as unknown as JsonObject, "webhooks");

function applyWebhookDefaults(webhook: JsonObject): void {
	setText(webhook, "failurePolicy", "Fail");
	setText(webhook, "matchPolicy", "Equivalent");
	setDefault(webhook, "namespaceSelector", {});
	setDefault(webhook, "objectSelector", {});
	setDefault(webhook, "timeoutSeconds", 10);
	for (const rule of objectsIn(webhook, "rules")) setText(rule, "scope", "*");
	const service = objectIn(webhook, "clientConfig").service;
	if (isObject(service)) setDefault(service, "port", 443);
}

function validateConfiguration(configuration: KubeObject): FieldError[] {
	const path = fieldPath("webhooks");
	const webhooks = webhooksOf(configuration);
	return [
		...webhooks.flatMap((webhook, i) => validateWebhook(webhook, path.index(i))),
		...checkUnique(webhooks.map(({ name }, i) => [name, path.index(i).field("name")])),
	];
}

function validateWebhook(webhook: JsonObject, path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	const name = typeof webhook.name === "string" ? webhook.name : "";
	if (name === "") errors.push(required(path.field("name")));
	else if (name.split(".").length < 3)
		errors.push(invalid(path.field("name"), name, "should be a domain with at least three segments separated by dots"));
	errors.push(...checkEnum(webhook.failurePolicy, ["Fail", "Ignore"], path.field("failurePolicy")));
	errors.push(...checkEnum(webhook.matchPolicy, ["Equivalent", "Exact"], path.field("matchPolicy")));
	errors.push(...checkEnum(webhook.sideEffects, ["None", "NoneOnDryRun"], path.field("sideEffects")));
	const timeout = webhook.timeoutSeconds;
	if (typeof timeout === "number" && (timeout < 1 || timeout > 30))
		errors.push(invalid(path.field("timeoutSeconds"), timeout, "the timeout value must be between 1 and 30 seconds"));
	const client = objectIn(webhook, "clientConfig");
	if ((client.url === undefined) === (client.service === undefined))
		errors.push(required(path.field("clientConfig"), "exactly one of url or service is required"));
	return errors;
}

/** MutatingWebhookConfiguration of admissionregistration.k8s.io/v1. */
export const MutatingWebhookConfiguration = builtinKind({
	group: GROUP,
	kind: "MutatingWebhookConfiguration",
	hasGeneration: true,
	columns,
	applyDefaults(configuration) {
		for (const webhook of webhooksOf(configuration)) {
			applyWebhookDefaults(webhook);
			setText(webhook, "reinvocationPolicy", "Never");
		}
	},
	validate: (configuration) => ({ errors: validateConfiguration(configuration), warnings: [] }),
});

/** ValidatingWebhookConfiguration of admissionregistration.k8s.io/v1. */
export const ValidatingWebhookConfiguration = builtinKind({
	group: GROUP,
	kind: "ValidatingWebhookConfiguration",
	hasGeneration: true,
	columns,
	applyDefaults: (configuration) => webhooksOf(configuration).forEach(applyWebhookDefaults),
	validate: (configuration) => ({ errors: validateConfiguration(configuration), warnings: [] }),
});
