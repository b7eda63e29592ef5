import type { KubeObject } from "../../../kinds/object.ts";
import { badRequest } from "../http/api-error.ts";

/** One term of a field selector. */
export interface FieldTerm {
	readonly field: string;
	readonly value: string;
	readonly equal: boolean;
}

type FieldReader = (object: KubeObject) => string;

const ALWAYS: Readonly<Record<string, FieldReader>> = {
	"metadata.name": (object) => object.metadata.name ?? "",
	"metadata.namespace": (object) => object.metadata.namespace ?? "",
};

/** Terms of a field selector (`a=b,c!=d`; `\,`, `\=` and `\\` stand for themselves). Throws 400. */
export function parseFieldSelector(text: string): FieldTerm[] {
	if (text.trim() === "") return [];
	return splitUnescaped(text).map((term) => {
		const match = /^((?:\\.|[^\\=!])*)(!=|==|=)(.*)$/s.exec(term);
		if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
		return { field: match[1]!.trim(), value: unescapeValue(match[3]!), equal: match[2] !== "!=" };
	});
}

/** Compiles terms against the fields that a kind can be selected by. Throws 400 for any other field. */
export function compileFieldSelector(
	terms: readonly FieldTerm[],
	fields: Readonly<Record<string, FieldReader>> | undefined,
): ((object: KubeObject) => boolean) | undefined {
	if (terms.length === 0) return undefined;
	const tests = terms.map(({ field, value, equal }) => {
		const readers = { ...fields, ...ALWAYS };
		const read = Object.hasOwn(readers, field) ? readers[field] : undefined;
		if (!read) throw badRequest(unknownField(field, fields));
		return (object: KubeObject) => (read(object) === value) === equal;
	});
	return (object) => tests.every((holds) => holds(object));
}

/** Kinds without fields of their own are answered for by another part of kube-apiserver, in other words. */
function unknownField(field: string, fields: Readonly<Record<string, FieldReader>> | undefined): string {
	if (fields) return `field label not supported: ${field}`;
	return `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function splitUnescaped(text: string): string[] {
	return (text.match(/(?:\\.|[^\\,])+/gs) ?? []).filter((term) => term !== "");
}

function unescapeValue(text: string): string {
	return text.replace(/\\([\\,=])/g, "$1");
}
