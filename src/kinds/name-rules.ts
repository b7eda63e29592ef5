import type { KindDefinition } from "./definition.ts";

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`;
const LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

/** A rule for a piece of text: what is wrong with it, in Kubernetes' words; empty when nothing is. */
export type TextRule = (text: string) => string[];

function patternRule(pattern: string, maxLength: number, says: string, examples: readonly string[]): TextRule {
	const whole = new RegExp(`^(?:${pattern})$`);
	const example = examples.map((text, i) => `${i === 0 ? "e.g. " : " or "} '${text}', `.replace("  ", " ")).join("");
	return (text) => {
		const found: string[] = [];
		if (text.length > maxLength) found.push(`must be no more than ${maxLength} bytes`);
		if (!whole.test(text)) found.push(`${says} (${example}regex used for validation is '${pattern}')`);
		return found;
	};
}

/** RFC 1123 subdomain: most object names. */
export const subdomainRule: TextRule = patternRule(
	SUBDOMAIN,
	253,
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
	["example.com"],
);

/** RFC 1123 label: namespaces, containers, volumes. */
export const labelRule: TextRule = patternRule(
	LABEL,
	63,
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
	["my-name", "123-abc"],
);

/** RFC 1035 label: Services. */
export const label1035Rule: TextRule = patternRule(
	LABEL_1035,
	63,
	"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
	["my-name", "abc-123"],
);

/** Any name that can stand in a URL path: RBAC objects. */
const pathSegmentRule: TextRule = (text) => {
	if (text === "." || text === "..") return [`may not be '${text}'`];
	return ["/", "%"].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`);
};

const qualifiedNamePart = patternRule(
	QUALIFIED,
	63,
	"name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
	["MyName", "my.name", "123-abc"],
);

/** Label and annotation keys: `[prefix/]name`. */
export const qualifiedNameRule: TextRule = (text) => {
	const parts = text.split("/");
	if (parts.length > 2)
		return [
			`a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
		];
	const name = parts.at(-1)!;
	const found: string[] = [];
	if (parts.length === 2) {
		if (parts[0] === "") found.push("prefix part must be non-empty");
		else found.push(...subdomainRule(parts[0]!).map((detail) => `prefix part ${detail}`));
	}
	if (name === "") found.push("name part must be non-empty");
	return [...found, ...qualifiedNamePart(name).map((detail) => detail.replace(/^must/, "name part must"))];
};

/** Values of labels. */
export const labelValueRule: TextRule = patternRule(
	LABEL_VALUE,
	63,
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
	["MyValue", "my_value", "12345"],
);

/** Names of ports: IANA service names. */
export const portNameRule: TextRule = (text) => {
	const found: string[] = [];
	if (text.length > 15) found.push("must be no more than 15 characters");
	if (!/^[-a-z0-9]+$/.test(text)) found.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
	if (!/[a-z]/.test(text)) found.push("must contain at least one letter (a-z)");
	if (text.includes("--")) found.push("must not contain consecutive hyphens");
	if (text.startsWith("-") || text.endsWith("-")) found.push("must not begin or end with a hyphen");
	return found;
};

/** Names of environment variables (relaxed form of 1.32: any printable ASCII but `=`). */
export const envNameRule: TextRule = (text) => {
	if (text === "") return ["environment variable name must not be empty"];
	return /^[ -<>-~]+$/.test(text)
		? []
		: [
				"a valid environment variable name must consist only of printable ASCII characters other than '=' (e.g. 'my-name',  or 'MY.NAME',  or 'MyName')",
			];
};

/** Keys of ConfigMaps and Secrets. */
export const configKeyRule: TextRule = (text) => {
	const found: string[] = [];
	if (text.length > 253) found.push("must be no more than 253 bytes");
	if (!/^[-._a-zA-Z0-9]+$/.test(text))
		found.push(
			"a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
		);
	if (text === "." || text === ".." || text.startsWith(".."))
		found.push(`must not ${text.length > 2 ? "start with" : "be"} '${text.slice(0, 2)}'`);
	return found;
};

const RULES: Readonly<Record<KindDefinition["nameFormat"], TextRule>> = {
	subdomain: subdomainRule,
	label: labelRule,
	label1035: label1035Rule,
	pathSegment: pathSegmentRule,
};

/** The rule for the names of a kind's objects. */
export function nameRuleOf(format: KindDefinition["nameFormat"]): TextRule {
	return RULES[format];
}
