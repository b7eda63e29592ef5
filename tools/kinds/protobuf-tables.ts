import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type GoField, type GoTypes, parseGoTypes } from "./go-types.ts";
import { MODULES, moduleFolder, readSource, SERVED } from "./sources.ts";

/** Messages whose JSON form is not that of their fields; decoded by hand-written code. */
const SPECIAL: Readonly<Record<string, string>> = {
	"meta/v1.Time": "time",
	"meta/v1.MicroTime": "microtime",
	"meta/v1.Duration": "duration",
	"meta/v1.FieldsV1": "raw",
	"resource.Quantity": "quantity",
	"runtime.RawExtension": "raw",
	"intstr.IntOrString": "intstr",
};

const SCALARS: Readonly<Record<string, string>> = {
	string: "s",
	bool: "b",
	int: "i",
	int32: "i",
	int64: "i",
	uint32: "i",
	uint64: "i",
	float64: "d",
	"types.UID": "s",
	"types.NodeName": "s",
	"types.PatchType": "s",
};

/** Kinds of meta/v1 that are registered in every group. */
const META_KINDS = [
	"CreateOptions",
	"DeleteOptions",
	"GetOptions",
	"ListOptions",
	"PatchOptions",
	"Status",
	"UpdateOptions",
];

/** `[number, jsonName, code, reference?]`; see src/kinds/protobuf/message-table.ts for the codes. */
type Row = [number: number, jsonName: string, code: string, reference?: string];

const GO_FOLDER: Readonly<Record<string, string>> = {
	"": "core",
	"networking.k8s.io": "networking",
	"discovery.k8s.io": "discovery",
	"events.k8s.io": "events",
	"coordination.k8s.io": "coordination",
	"rbac.authorization.k8s.io": "rbac",
	"storage.k8s.io": "storage",
	"scheduling.k8s.io": "scheduling",
	"node.k8s.io": "node",
	"certificates.k8s.io": "certificates",
	"admissionregistration.k8s.io": "admissionregistration",
	"authentication.k8s.io": "authentication",
	"authorization.k8s.io": "authorization",
};

function readGoTypes(): GoTypes {
	const types: GoTypes = { structs: new Map(), aliases: new Map() };
	const root = moduleFolder(MODULES.api);
	const inModule = new Set(readdirSync(root));
	for (const [group, version] of SERVED) {
		const folder = GO_FOLDER[group] ?? group;
		if (!inModule.has(folder)) continue; // apiextensions and apiregistration live in other modules
		parseGoTypes(readSource("api", join(folder, version, "types.go")), `${folder}/${version}`, types);
	}
	for (const file of ["types.go", "micro_time.go", "time.go", "duration.go"])
		parseGoTypes(readSource("apimachinery", join("pkg/apis/meta/v1", file)), "meta/v1", types);
	return types;
}

class TableBuilder {
	readonly messages: Record<string, Row[]> = {};
	readonly #types: GoTypes;

	constructor(types: GoTypes) {
		this.#types = types;
	}

	addMessage(name: string): void {
		if (this.messages[name] || SPECIAL[name]) return;
		const fields = this.#types.structs.get(name);
		if (!fields) throw new Error(`no Go struct ${name}`);
		const rows: Row[] = [];
		this.messages[name] = rows;
		for (const field of fields) {
			if (field.number !== undefined) rows.push(this.#row(field, name));
		}
	}

	#row(field: GoField, owner: string): Row {
		const pointer = field.type.startsWith("*");
		const type = this.#resolve(pointer ? field.type.slice(1) : field.type);
		const dropZero = !pointer && field.omitEmpty ? "?" : "";
		const { code, reference } = this.#encode(type, owner);
		if (field.inline) return [field.number!, "", "m", reference];
		const full = code.length === 1 && code !== "m" ? code + dropZero : code;
		return reference === undefined
			? [field.number!, field.jsonName, full]
			: [field.number!, field.jsonName, full, reference];
	}

	/** Follows `type X = Y` and named scalars, slices and maps. */
	#resolve(type: string): string {
		let at = type;
		while (!SPECIAL[at] && this.#types.aliases.has(at)) at = this.#types.aliases.get(at)!;
		return at;
	}

	#encode(type: string, owner: string): { code: string; reference?: string } {
		const slice = /^\[\](.+)$/.exec(type);
		if (slice) {
			if (slice[1] === "byte") return { code: "y" };
			const item = this.#encode(this.#resolve(slice[1]!.replace(/^\*/, "")), owner);
			return { ...item, code: `[]${item.code}` };
		}
		const map = /^map\[[^\]]+\](.+)$/.exec(type);
		if (map) return this.#mapValue(map[1]!, owner);
		const scalar = SCALARS[type];
		if (scalar) return { code: scalar };
		const special = SPECIAL[type];
		if (special) return { code: "m", reference: special };
		this.addMessage(type);
		return { code: "m", reference: type };
	}

	/** A named slice as map value (`map[string]ExtraValue`) is a message with one repeated field on the wire. */
	#mapValue(type: string, owner: string): { code: string; reference?: string } {
		const named = this.#types.aliases.get(type);
		if (named?.startsWith("[]") && named !== "[]byte") return { code: "{}m", reference: "items" };
		const value = this.#encode(this.#resolve(type), owner);
		return { ...value, code: `{}${value.code}` };
	}
}

/** Message tables for every kind of the served group-versions, and which message each kind is. */
export function protobufTables(): { kinds: Record<string, string>; messages: Record<string, Row[]> } {
	const types = readGoTypes();
	const builder = new TableBuilder(types);
	const kinds: Record<string, string> = {};
	for (const [group, version] of SERVED) {
		const prefix = `${GO_FOLDER[group] ?? group}/${version}.`;
		for (const [name, fields] of types.structs) {
			if (!name.startsWith(prefix)) continue;
			if (!fields.some((field) => field.inline && field.type === "meta/v1.TypeMeta")) continue;
			builder.addMessage(name);
			kinds[`${group === "" ? "" : `${group}/`}${version}/${name.slice(prefix.length)}`] = name;
		}
	}
	for (const kind of META_KINDS) {
		builder.addMessage(`meta/v1.${kind}`);
		kinds[kind] = `meta/v1.${kind}`;
	}
	return { kinds, messages: builder.messages };
}
