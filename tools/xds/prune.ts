import { clone } from "@bufbuild/protobuf";
import {
	type DescriptorProto,
	FieldDescriptorProto_Type,
	type FileDescriptorProto,
	FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/**
 * Keeps only what `roots` (full names of messages, enums or services) reach, file by file. Options are dropped (validation rules and
 * annotations of other tools), except `packed`, `deprecated` and map entries.
 */
export function prune(
	files: ReadonlyMap<string, FileDescriptorProto>,
	roots: readonly string[],
): FileDescriptorProto[] {
	const home = indexNames(files);
	const reached = reach(files, home, roots);
	const kept: FileDescriptorProto[] = [];
	for (const file of files.values()) {
		const copy = pruneFile(file, reached);
		if (copy) kept.push(copy);
	}
	for (const file of kept) file.dependency = dependencies(file, home);
	for (const file of kept) file.publicDependency = [];
	return sortByImports(kept, files);
}

const isWellKnown = (name: string) => name.startsWith("google.protobuf.");

interface Home {
	readonly file: string;
	readonly message: DescriptorProto | undefined;
}

function indexNames(files: ReadonlyMap<string, FileDescriptorProto>): Map<string, Home> {
	const home = new Map<string, Home>();
	const addMessage = (file: string, scope: string, message: DescriptorProto) => {
		const name = `${scope}.${message.name}`;
		home.set(name, { file, message });
		for (const nested of message.nestedType) addMessage(file, name, nested);
		for (const e of message.enumType) home.set(`${name}.${e.name}`, { file, message: undefined });
	};
	for (const file of files.values()) {
		for (const message of file.messageType) addMessage(file.name, file.package, message);
		for (const e of file.enumType) home.set(`${file.package}.${e.name}`, { file: file.name, message: undefined });
		for (const service of file.service)
			home.set(`${file.package}.${service.name}`, { file: file.name, message: undefined });
	}
	return home;
}

function reach(
	files: ReadonlyMap<string, FileDescriptorProto>,
	home: Map<string, Home>,
	roots: readonly string[],
): Set<string> {
	const reached = new Set<string>();
	const queue = [...roots];
	for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
		if (reached.has(name) || isWellKnown(name)) continue;
		const at = home.get(name);
		if (!at) throw new Error(`no descriptor for ${name}`);
		reached.add(name);
		for (const field of at.message?.field ?? []) if (field.typeName !== "") queue.push(field.typeName.slice(1));
		const service = files.get(at.file)?.service.find((s) => `${files.get(at.file)?.package}.${s.name}` === name);
		for (const method of service?.method ?? []) queue.push(method.inputType.slice(1), method.outputType.slice(1));
	}
	return reached;
}

function pruneFile(file: FileDescriptorProto, reached: ReadonlySet<string>): FileDescriptorProto | undefined {
	const copy = clone(FileDescriptorProtoSchema, file);
	copy.messageType = pruneMessages(copy.messageType, copy.package, reached);
	copy.enumType = copy.enumType.filter((e) => reached.has(`${copy.package}.${e.name}`));
	copy.service = copy.service.filter((s) => reached.has(`${copy.package}.${s.name}`));
	copy.extension = [];
	copy.options = undefined;
	copy.sourceCodeInfo = undefined;
	for (const e of copy.enumType) stripEnum(e);
	for (const service of copy.service) {
		service.options = undefined;
		for (const method of service.method) method.options = undefined;
	}
	return copy.messageType.length + copy.enumType.length + copy.service.length > 0 ? copy : undefined;
}

function pruneMessages(messages: DescriptorProto[], scope: string, reached: ReadonlySet<string>): DescriptorProto[] {
	return messages.filter((message) => {
		const name = `${scope}.${message.name}`;
		message.nestedType = pruneMessages(message.nestedType, name, reached);
		message.enumType = message.enumType.filter((e) => reached.has(`${name}.${e.name}`));
		const wanted = reached.has(name);
		if (!wanted && message.nestedType.length + message.enumType.length === 0) return false;
		// An enclosing message that nothing refers to stays as an empty shell that names its nested types.
		if (!wanted) {
			message.field = [];
			message.oneofDecl = [];
		}
		stripMessage(message);
		return true;
	});
}

function stripMessage(message: DescriptorProto): void {
	message.extension = [];
	message.reservedName = [];
	message.reservedRange = [];
	if (!message.options?.mapEntry) message.options = undefined;
	else {
		message.options.$unknown = undefined;
	}
	for (const oneof of message.oneofDecl) oneof.options = undefined;
	for (const e of message.enumType) stripEnum(e);
	for (const field of message.field) {
		if (!field.options) continue;
		field.options.$unknown = undefined;
		field.options.uninterpretedOption = [];
	}
}

function stripEnum(e: {
	options?: unknown;
	value: { options?: unknown }[];
	reservedName: string[];
	reservedRange: unknown[];
}): void {
	e.options = undefined;
	e.reservedName = [];
	e.reservedRange = [];
	for (const value of e.value) value.options = undefined;
}

function dependencies(file: FileDescriptorProto, home: Map<string, Home>): string[] {
	const needed = new Set<string>();
	const visit = (message: DescriptorProto) => {
		for (const field of message.field) {
			if (field.type !== FieldDescriptorProto_Type.MESSAGE && field.type !== FieldDescriptorProto_Type.ENUM) continue;
			needed.add(fileOf(field.typeName.slice(1), home));
		}
		message.nestedType.forEach(visit);
	};
	file.messageType.forEach(visit);
	for (const service of file.service) {
		for (const method of service.method) {
			needed.add(fileOf(method.inputType.slice(1), home));
			needed.add(fileOf(method.outputType.slice(1), home));
		}
	}
	needed.delete(file.name);
	return [...needed].sort();
}

const WELL_KNOWN_FILES: Readonly<Record<string, string>> = {
	Any: "any",
	Duration: "duration",
	Empty: "empty",
	Timestamp: "timestamp",
	FieldMask: "field_mask",
};
const WRAPPER = /^(Bool|Int32|Int64|UInt32|UInt64|Float|Double|String|Bytes)Value$/;
const STRUCT = /^(Struct|Value|ListValue|NullValue)$/;

function fileOf(name: string, home: Map<string, Home>): string {
	if (!isWellKnown(name)) return home.get(name)!.file;
	const short = name.slice("google.protobuf.".length);
	if (WRAPPER.test(short)) return "google/protobuf/wrappers.proto";
	if (STRUCT.test(short)) return "google/protobuf/struct.proto";
	const file = WELL_KNOWN_FILES[short];
	if (!file) throw new Error(`no file known for ${name}`);
	return `google/protobuf/${file}.proto`;
}

function sortByImports(
	kept: FileDescriptorProto[],
	all: ReadonlyMap<string, FileDescriptorProto>,
): FileDescriptorProto[] {
	const byName = new Map([...all, ...kept.map((f) => [f.name, f] as const)]);
	const sorted: FileDescriptorProto[] = [];
	const seen = new Set<string>();
	const visit = (name: string) => {
		if (seen.has(name)) return;
		seen.add(name);
		const file = byName.get(name);
		if (!file) throw new Error(`no descriptor for file ${name}`);
		file.dependency.forEach(visit);
		sorted.push(file);
	};
	for (const file of kept) visit(file.name);
	return sorted;
}
