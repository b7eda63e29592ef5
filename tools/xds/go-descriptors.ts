import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** Module versions and checksums that the generated code was made from: `go.mod` names them, Go's checksum database vouches. */
export interface GoModule {
	readonly path: string;
	readonly version: string;
	readonly sum: string;
	readonly dir: string;
}

/** Downloads (or finds) the modules that `go.mod` in this folder requires. */
export function downloadModules(folder: string): GoModule[] {
	const required = [...readFileSync(join(folder, "go.mod"), "utf8").matchAll(/^\t(\S+) (v\S+)$/gm)];
	const args = ["mod", "download", "-json", ...required.map(([, path, version]) => `${path}@${version}`)];
	const printed = execFileSync("go", args, { encoding: "utf8", cwd: folder, maxBuffer: 1 << 26 });
	const documents = printed.split(/^}\n/m).filter((text) => text.trim() !== "");
	return documents.map((text) => {
		const entry = JSON.parse(`${text}}`) as { Path: string; Version: string; Sum: string; Dir: string };
		return { path: entry.Path, version: entry.Version, sum: entry.Sum, dir: entry.Dir };
	});
}

/** Every protobuf file descriptor that Go's generated code embeds below `dir`, by proto file name. */
export function readDescriptors(dir: string, into: Map<string, FileDescriptorProto>): void {
	for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
		if (!entry.isFile() || !entry.name.endsWith(".pb.go")) continue;
		const bytes = rawDescriptor(readFileSync(join(entry.parentPath, entry.name), "utf8"));
		if (!bytes) continue;
		const file = fromBinary(FileDescriptorProtoSchema, bytes);
		if (!into.has(file.name)) into.set(file.name, file);
	}
}

/** The bytes of `..._rawDesc`, written either as concatenated string literals or (older generators) as a byte list. */
function rawDescriptor(source: string): Uint8Array | undefined {
	const start = /(?:const|var) file_\w+_rawDesc = /.exec(source);
	if (!start) return undefined;
	const from = start.index + start[0].length;
	if (source.startsWith('""', from)) return literalBytes(source.slice(from, source.indexOf("\n\n", from)));
	const list = source.slice(source.indexOf("{", from) + 1, source.indexOf("}", from));
	return Uint8Array.from(list.match(/0x[0-9a-f]{2}/g) ?? [], Number);
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, "\\": 92 };
const TOKEN = /\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\([abtnvfr"\\])|[^"\\]+/g;

function literalBytes(expression: string): Uint8Array {
	const parts: Buffer[] = [];
	for (const [, literal] of expression.matchAll(/"((?:[^"\\]|\\.)*)"/g)) {
		for (const token of literal!.matchAll(TOKEN)) {
			const [text, hex, u4, u8, short] = token;
			if (hex) parts.push(Buffer.from([Number.parseInt(hex, 16)]));
			else if (u4 ?? u8) parts.push(Buffer.from(String.fromCodePoint(Number.parseInt((u4 ?? u8)!, 16)), "utf8"));
			else if (short) parts.push(Buffer.from([ESCAPES[short]!]));
			else parts.push(Buffer.from(text, "utf8"));
		}
	}
	return Buffer.concat(parts);
}
