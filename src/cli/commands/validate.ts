import { unobeyed } from "../../controlplane/analysis/unobeyed.ts";
import { findKind, kindOfObject } from "../../kinds/catalogue.ts";
import { validateIstio } from "../../kinds/istio/validate-istio.ts";
import { validateMetadata } from "../../kinds/metadata-validation.ts";
import type { KubeObject } from "../../kinds/object.ts";
import { validateObject } from "../../kinds/object-pipeline.ts";
import { findUnknownFields } from "../../kinds/schema/unknown-fields.ts";
import { formatProblem, type Problem, problem } from "../../lib/problem.ts";
import { defineCommand, OUTPUT_FLAG } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";
import { type Manifest, readManifests } from "../manifests.ts";

interface Verdict {
	readonly manifest: Manifest;
	readonly errors: readonly Problem[];
	readonly warnings: readonly Problem[];
}

export const validate = defineCommand({
	name: "validate",
	aliases: ["v"],
	summary: "Check YAML files without a mesh",
	details:
		"Schema, unknown fields, what Istio's validation would say, and, as warnings, what Lateen does not obey yet. Exit code 79 when something is wrong, 65 when a file cannot be parsed.",
	args: [{ name: "file", help: "a file, a folder or - for standard input", repeat: true, completes: "file" }],
	flags: {
		filename: { short: "f", value: "file", help: "the same as the argument", repeat: true },
		"strict-istio": { help: "refuse what Istio refuses, also where Lateen is kinder" },
		output: OUTPUT_FLAG,
	},
	examples: ["lateen validate -f my-virtual-service.yaml", "cat rules.yaml | lateen validate -"],
	async run({ args, flag, flags, isSet, out }) {
		const paths = [...args, ...flags("filename")];
		if (paths.length === 0) throw noFile();
		const { manifests, problems } = await readManifests(paths);
		const verdicts = manifests.map((manifest) => check(manifest, isSet("strict-istio")));
		const failed = problems.length > 0 || verdicts.some((v) => v.errors.length > 0);
		if (flag("output") === "json") {
			out.json({
				problems,
				objects: verdicts.map((v) => ({ ...describe(v.manifest), errors: v.errors, warnings: v.warnings })),
			});
		} else {
			for (const p of problems) out.note(formatProblem(p));
			for (const v of verdicts) print(v, out);
			if (manifests.length === 0 && problems.length === 0)
				out.note(`${paths.join(", ")}: there is no object in it (folders below are not looked into).`);
		}
		if (problems.length > 0) return EXIT.badInput;
		return failed ? EXIT.findings : EXIT.ok;
	},
});

function noFile(): CommandError {
	const told = problem("LTN4210", "", "no file was named", "give a file, a folder, or - for standard input");
	return new CommandError(EXIT.usage, formatProblem(told));
}

function describe({ file, line, object }: Manifest) {
	return { file, line, kind: object.kind, namespace: object.metadata?.namespace, name: object.metadata?.name };
}

function check(manifest: Manifest, strict: boolean): Verdict {
	const { object } = manifest;
	const kind = kindOfObject(object);
	if (!kind) return { manifest, errors: [unknownKind(object)], warnings: [] };
	// Istio's validation covers schema and unknown fields too.
	const placed = withNamespace(object, kind.namespaced);
	if (kind.origin === "custom") {
		const istio = validateIstio(object, { strict });
		const errors = [...validateMetadata(kind, placed), ...istio.errors].map(withoutPath);
		return { manifest, errors, warnings: [...istio.warnings, ...(errors.length === 0 ? unobeyed(object) : [])] };
	}
	const unknown = findUnknownFields(kind.schema, object).map((path) =>
		problem("LTN4202", path, "unknown field", "remove it or mend its spelling"),
	);
	const version = object.apiVersion.split("/").at(-1)!;
	const { errors, warnings } = validateObject(kind, version, placed);
	return {
		manifest,
		errors: [...unknown, ...errors.map(withoutPath)],
		warnings: warnings.map((text: string) => problem("LTN4203", "", text)),
	};
}

/** Schema errors say the path once more, as the API server's do; here it stands before them already. */
function withoutPath({ code, path, message, fix }: Problem): Problem {
	const rest = message.startsWith(`${path} in body `) ? message.slice(path.length + " in body ".length) : message;
	return problem(code, path, rest, fix);
}

/** A file may leave the namespace to kubectl. */
function withNamespace(object: KubeObject, namespaced: boolean): KubeObject {
	return namespaced && !object.metadata?.namespace
		? { ...object, metadata: { ...object.metadata, namespace: "default" } }
		: object;
}

function unknownKind(object: KubeObject): Problem {
	const group = object.apiVersion.includes("/") ? object.apiVersion.split("/")[0]! : "";
	const fix = findKind(group, "v1", object.kind) ? "use one of the served versions" : "mend apiVersion and kind";
	return problem("LTN4201", "kind", `no kind "${object.kind}" in version "${object.apiVersion}" is known`, fix);
}

function print(verdict: Verdict, out: { line(text: string): void; note(text: string): void }): void {
	const { file, line, object } = verdict.manifest;
	const name = `${object.kind} ${object.metadata?.namespace ? `${object.metadata.namespace}/` : ""}${object.metadata?.name ?? "(no name)"} (${file}:${line})`;
	for (const p of verdict.errors) out.note(`Error ${name} ${formatProblem(p)}`);
	for (const p of verdict.warnings) out.note(`Warning ${name} ${formatProblem(p)}`);
	if (verdict.errors.length === 0) out.line(`${name} is valid`);
}
