import { readFileSync } from "node:fs";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { DataSource } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { TlsProblems } from "../tls-problems.ts";

/** How secrets are read; files and environment are the process's. */
export interface SecretReading {
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly problems: TlsProblems;
}

/** The bytes of a DataSource; undefined when it is not set, or cannot be read, which is then told. */
export function readDataSource(
	source: DataSource | undefined,
	at: FieldPath,
	{ environment, problems }: SecretReading,
): Buffer | undefined {
	const specifier = source?.specifier;
	switch (specifier?.case) {
		case "inlineBytes":
			return Buffer.from(specifier.value);
		case "inlineString":
			return Buffer.from(specifier.value, "utf8");
		case "environmentVariable": {
			const text = environment[specifier.value];
			if (text !== undefined) return Buffer.from(text, "utf8");
			problems.add("unreadable", at, `the environment variable "${specifier.value}" is not set`);
			return undefined;
		}
		case "filename":
			return readFile(specifier.value, at, problems);
		default:
			return undefined;
	}
}

function readFile(path: string, at: FieldPath, problems: TlsProblems): Buffer | undefined {
	try {
		return readFileSync(path);
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		problems.add("unreadable", at, `the file ${path} cannot be read (${code ?? message})`);
		return undefined;
	}
}

/** The file that a DataSource names, if it names one. */
export function fileOf(source: DataSource | undefined): string | undefined {
	return source?.specifier.case === "filename" ? source.specifier.value : undefined;
}
