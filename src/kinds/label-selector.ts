import type { FieldPath } from "../lib/field-path.ts";
import type { FieldError } from "./definition.ts";
import { forbidden, invalid, required } from "./field-error.ts";
import { validateLabels } from "./metadata-validation.ts";
import { qualifiedNameRule } from "./name-rules.ts";

/** meta/v1 LabelSelector. */
export interface LabelSelector {
	readonly matchLabels?: Readonly<Record<string, string>>;
	readonly matchExpressions?: readonly LabelRequirement[];
}

interface LabelRequirement {
	readonly key: string;
	readonly operator: string;
	readonly values?: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** True when labels meet every requirement; an empty selector takes everything, an absent one nothing. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
	if (!selector) return false;
	const { matchLabels = {}, matchExpressions = [] } = selector;
	return (
		Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
		matchExpressions.every((requirement) => meets(requirement, labels))
	);
}

function meets({ key, operator, values = [] }: LabelRequirement, labels: Labels): boolean {
	const has = Object.hasOwn(labels, key);
	if (operator === "Exists") return has;
	if (operator === "DoesNotExist") return !has;
	if (operator === "In") return has && values.includes(labels[key]!);
	return operator === "NotIn" && !(has && values.includes(labels[key]!));
}

/** As `kubectl get -o wide` prints it: `app=web,tier in (a,b)`, `<none>` when empty. */
export function formatSelector(selector: LabelSelector | undefined): string {
	const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
	const parts = [
		...Object.entries(matchLabels).map(([key, value]) => ({ key, text: `${key}=${value}` })),
		...matchExpressions.map((requirement) => ({ key: requirement.key, text: formatRequirement(requirement) })),
	];
	if (parts.length === 0) return "<none>";
	return parts
		.sort((a, b) => (a.key < b.key ? -1 : 1))
		.map(({ text }) => text)
		.join(",");
}

function formatRequirement({ key, operator, values = [] }: LabelRequirement): string {
	if (operator === "Exists") return key;
	if (operator === "DoesNotExist") return `!${key}`;
	return `${key} ${operator === "In" ? "in" : "notin"} (${[...values].sort().join(",")})`;
}

/** Labels as `kubectl` prints them, sorted, `<none>` when there are none. */
export function formatLabels(labels: Labels | undefined): string {
	const text = Object.entries(labels ?? {})
		.map(([key, value]) => `${key}=${value}`)
		.sort()
		.join(",");
	return text === "" ? "<none>" : text;
}

/** Rules of a LabelSelector (apimachinery's ValidateLabelSelector). */
export function validateSelector(selector: LabelSelector, path: FieldPath): FieldError[] {
	const expressions = selector.matchExpressions ?? [];
	return [
		...validateLabels(selector.matchLabels, path.field("matchLabels")),
		...expressions.flatMap((requirement, i) =>
			validateRequirement(requirement, path.field("matchExpressions").index(i)),
		),
	];
}

function validateRequirement({ key, operator, values = [] }: LabelRequirement, path: FieldPath): FieldError[] {
	const errors = qualifiedNameRule(key).map((detail) => invalid(path.field("key"), key, detail));
	const at = path.field("values");
	if (operator === "In" || operator === "NotIn") {
		if (values.length === 0) errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
	} else if (operator === "Exists" || operator === "DoesNotExist") {
		if (values.length > 0)
			errors.push(forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
	} else {
		errors.push(invalid(path.field("operator"), operator, "not a valid selector operator"));
	}
	return errors;
}

export function isEmptySelector(selector: LabelSelector | undefined): boolean {
	const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
	return Object.keys(matchLabels).length + matchExpressions.length === 0;
}
