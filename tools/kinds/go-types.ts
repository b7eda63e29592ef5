/** A field of a Go struct as the API machinery sees it. */
export interface GoField {
	readonly type: string;
	readonly jsonName: string;
	readonly omitEmpty: boolean;
	readonly inline: boolean;
	/** Field number from the protobuf tag; undefined for fields that are not on the wire. */
	readonly number: number | undefined;
}

/** Go package (`core/v1`) → what its type declarations say. Type names are qualified (`core/v1.Pod`). */
export interface GoTypes {
	readonly structs: Map<string, GoField[]>;
	/** `type X []T`, `type X map[K]V`, `type X string`, `type X = p.Y`. */
	readonly aliases: Map<string, string>;
}

const API = "k8s.io/api/";
const MACHINERY: Readonly<Record<string, string>> = {
	"k8s.io/apimachinery/pkg/apis/meta/v1": "meta/v1",
	"k8s.io/apimachinery/pkg/api/resource": "resource",
	"k8s.io/apimachinery/pkg/runtime": "runtime",
	"k8s.io/apimachinery/pkg/types": "types",
	"k8s.io/apimachinery/pkg/util/intstr": "intstr",
};

function packageKey(path: string): string {
	return MACHINERY[path] ?? (path.startsWith(API) ? path.slice(API.length) : path);
}

function parseImports(source: string): Map<string, string> {
	const imports = new Map<string, string>();
	for (const [, alias, path] of source.matchAll(/^\s*(?:import\s+)?(?:(\w+)\s+)?"([^"]+)"$/gm))
		imports.set(alias ?? path!.split("/").at(-1)!, packageKey(path!));
	return imports;
}

/** Reads the type declarations of one Go file into `into`; only the shapes that occur in k8s.io/api are understood. */
export function parseGoTypes(source: string, packageName: string, into: GoTypes): void {
	const imports = parseImports(source);
	const qualify = (type: string): string =>
		type.replace(/(\w+\.)?([A-Za-z_]\w*)/g, (whole, dotted: string | undefined, name: string) => {
			if (dotted) return `${imports.get(dotted.slice(0, -1)) ?? dotted.slice(0, -1)}.${name}`;
			return /^[A-Z]/.test(name) ? `${packageName}.${name}` : whole;
		});
	let fields: GoField[] | undefined;
	for (const raw of source.split("\n")) {
		const line = raw.trim();
		if (line.startsWith("//")) continue;
		if (fields) {
			if (line === "}") fields = undefined;
			else addField(line, qualify, fields);
			continue;
		}
		const struct = /^type (\w+) struct \{(\})?/.exec(line);
		if (struct) {
			const list: GoField[] = [];
			into.structs.set(`${packageName}.${struct[1]}`, list);
			if (!struct[2]) fields = list;
			continue;
		}
		const alias = /^type (\w+) =? ?([[\]\w.*]+)/.exec(line);
		if (alias && alias[2] !== "interface") into.aliases.set(`${packageName}.${alias[1]}`, qualify(alias[2]!));
	}
}

function addField(line: string, qualify: (type: string) => string, fields: GoField[]): void {
	const match = /^(?:(\w+)\s+)?([*[\]\w.]+)\s+`([^`]*)`/.exec(line);
	if (!match) return;
	const json = /json:"([^"]*)"/.exec(match[3]!)?.[1];
	if (json === undefined) return;
	const [name, ...options] = json.split(",");
	const number = /protobuf:"\w+,(\d+)/.exec(match[3]!)?.[1];
	fields.push({
		type: qualify(match[2]!),
		jsonName: name!,
		omitEmpty: options.includes("omitempty"),
		inline: options.includes("inline"),
		number: number === undefined ? undefined : Number(number),
	});
}
