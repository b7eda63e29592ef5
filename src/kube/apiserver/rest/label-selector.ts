import { badRequest } from "../http/api-error.ts";

/** Decides whether labels match. */
export type LabelPredicate = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = /^(?:[a-zA-Z0-9](?:[-a-zA-Z0-9.]*[a-zA-Z0-9])?\/)?[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const VALUE = /^(?:[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?)?$/;
const SET = /^(!?)\s*([^\s,!=()]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^\s,!=()]+)\s*(==|=|!=)\s*([^\s,!=()]*)$/;
const EXISTENCE = /^(!?)\s*([^\s,!=()]+)$/;

/** Compiles a label selector (`a=b,c!=d,e in (x,y),!f`); undefined for an empty one. Throws 400. */
export function parseLabelSelector(text: string): LabelPredicate | undefined {
	if (text.trim() === "") return undefined;
	const tests = splitTerms(text).map((term) => parseTerm(term.trim()));
	return (labels) => tests.every((holds) => holds(labels));
}

/** Splits at commas outside parentheses. */
function splitTerms(text: string): string[] {
	return text.split(/,(?![^(]*\))/);
}

function parseTerm(term: string): LabelPredicate {
	const set = SET.exec(term);
	if (set && set[1] === "")
		return parseSet(
			set[2]!,
			set[3]!,
			set[4]!.split(",").map((value) => value.trim()),
		);
	const equality = EQUALITY.exec(term);
	if (equality) {
		const [, key = "", operator, value = ""] = equality;
		check(key, [value]);
		return operator === "!=" ? (labels) => labelOf(labels, key) !== value : (labels) => labelOf(labels, key) === value;
	}
	const existence = EXISTENCE.exec(term);
	if (!existence) throw badRequest(whatIsWrong(term));
	const [, not, key = ""] = existence;
	check(key, []);
	return not === "!" ? (labels) => labelOf(labels, key) === undefined : (labels) => labelOf(labels, key) !== undefined;
}

const AFTER_VALUE = "expected: ',' or 'end of string'";

/** What kube-apiserver's parser stumbles over. */
function whatIsWrong(term: string): string {
	const set = /^[^\s,!=()]+\s+(?:in|notin)\s+([^\s(]+)/.exec(term);
	if (set) return `unable to parse requirement: found '${set[1]}' expected: '('`;
	const rest = /^[^\s,!=()]+\s*(?:==|=|!=)\s*[^\s,!=()]*\s*(==?|!=?|[^\s,!=()]+|[()])/.exec(term);
	if (rest) return `found '${rest[1]}', ${AFTER_VALUE}`;
	const operator = /^!?\s*[^\s,!=()]+\s*([^\s,!=()]+|[()!=]+)/.exec(term);
	const expected = "expected: in, notin, =, ==, !=, gt, lt";
	if (operator) return `unable to parse requirement: found '${operator[1]}', ${expected}`;
	return `unable to parse requirement: found '${term}', expected: !, identifier, or 'end of string'`;
}

function parseSet(key: string, operator: string, values: readonly string[]): LabelPredicate {
	check(key, values);
	const isIn: LabelPredicate = (labels) => {
		const value = labelOf(labels, key);
		return value !== undefined && values.includes(value);
	};
	return operator === "in" ? isIn : (labels) => !isIn(labels);
}

/** Own members only: a label may be called `constructor`. */
function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
	return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function check(key: string, values: readonly string[]): void {
	if (!KEY.test(key)) throw badRequest(`unable to parse requirement: invalid label key "${key}"`);
	const wrong = values.find((value) => !VALUE.test(value) || value.length > 63);
	if (wrong !== undefined)
		throw badRequest(`unable to parse requirement: invalid label value: "${wrong}" (key "${key}")`);
}

/** A label selector as objects carry it (`matchLabels`, `matchExpressions`), in text form. */
export function formatLabelSelector(selector: {
	readonly matchLabels?: Readonly<Record<string, string>>;
	readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}): string {
	const equal = Object.entries(selector.matchLabels ?? {})
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([key, value]) => `${key}=${value}`);
	const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
		if (operator === "Exists") return key;
		if (operator === "DoesNotExist") return `!${key}`;
		return `${key} ${operator === "In" ? "in" : "notin"} (${[...values].sort().join(",")})`;
	});
	return [...equal, ...expressions].join(",");
}
