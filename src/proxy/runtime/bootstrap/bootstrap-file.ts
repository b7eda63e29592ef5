import { readFileSync } from "node:fs";
import { fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ProblemError, problem } from "../../../lib/problem.ts";
import { type Bootstrap, BootstrapSchema } from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { findUnknownFields } from "./unknown-fields.ts";

const MAX_BYTES = 64 * 1024 * 1024;

export interface BootstrapOptions {
	/** Passes over fields that the messages do not have (Envoy: --allow-unknown-static-fields). */
	readonly allowUnknownFields?: boolean;
}

/** Reads an Envoy v3 bootstrap: YAML, JSON, or binary where the name ends in `.pb`; throws ProblemError (LTN35xx) with every problem found. */
export async function readBootstrap(file: string, options: BootstrapOptions = {}): Promise<Bootstrap> {
	if (file.endsWith(".pb_text"))
		throw new ProblemError([
			problem("LTN3516", file, "protobuf's text format is not implemented", "write the bootstrap as YAML, JSON or .pb"),
		]);
	const bytes = readBytes(file);
	return file.endsWith(".pb") ? decodeBootstrap(bytes, file) : parseBootstrap(bytes.toString("utf8"), file, options);
}

function readBytes(file: string): Buffer {
	try {
		return readFileSync(file);
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		const what = code === "ENOENT" ? "there is no such file" : `the file cannot be read (${message})`;
		throw new ProblemError([problem("LTN3510", file, what, "name the bootstrap with -c FILE")], { cause: error });
	}
}

function decodeBootstrap(bytes: Uint8Array, file: string): Bootstrap {
	try {
		return fromBinary(BootstrapSchema, bytes);
	} catch (error) {
		const message = `this is no bootstrap in protobuf's binary format (${(error as Error).message})`;
		throw new ProblemError([problem("LTN3512", file, message)], { cause: error });
	}
}

/** `file` only names the text in problems. */
export async function parseBootstrap(
	text: string,
	file: string,
	{ allowUnknownFields = false }: BootstrapOptions = {},
): Promise<Bootstrap> {
	if (text.length > MAX_BYTES)
		throw new ProblemError([problem("LTN3511", file, "the bootstrap is larger than 64 MiB")]);
	const json = await parseConfigText(text, file);
	const unknown = allowUnknownFields ? [] : findUnknownFields(BootstrapSchema, json);
	if (unknown.length > 0) throw new ProblemError(unknown);
	try {
		return fromJson(BootstrapSchema, json, { registry: xdsRegistry(), ignoreUnknownFields: allowUnknownFields });
	} catch (error) {
		throw new ProblemError([problem("LTN3512", file, (error as Error).message)], { cause: error });
	}
}

/** YAML or JSON as a JSON value; throws ProblemError. */
export async function parseConfigText(text: string, file: string): Promise<JsonValue> {
	return text.trimStart().startsWith("{") ? parseJsonText(text, file) : parseYaml(text, file);
}

function parseJsonText(text: string, file: string): JsonValue {
	try {
		return JSON.parse(text) as JsonValue;
	} catch (error) {
		throw new ProblemError([problem("LTN3513", file, `this is not JSON (${(error as Error).message})`)], {
			cause: error,
		});
	}
}

async function parseYaml(text: string, file: string): Promise<JsonValue> {
	const { parseDocument } = await import("./yaml-document.ts");
	const document = parseDocument(text, { merge: true });
	if (document.errors.length > 0)
		throw new ProblemError(
			document.errors.map((error) => problem("LTN3514", file, `this is not YAML (${firstLine(error.message)})`)),
		);
	const json = document.toJS({ maxAliasCount: 1000 }) as JsonValue;
	if (json === null || typeof json !== "object")
		throw new ProblemError([
			problem("LTN3515", file, "the bootstrap is empty", "give it static_resources or dynamic_resources"),
		]);
	return json;
}

const firstLine = (text: string) => text.split("\n", 1)[0]!.replace(/:$/, "");
