import { clusterObjects } from "../../app/configuration-analysis.ts";
import { runningMesh } from "../../app/mesh-state.ts";
import {
	type AnalysisMessage,
	compareMessages,
	formatMessage,
	type Level,
} from "../../controlplane/analysis/analysis-message.ts";
import { ANALYZERS } from "../../controlplane/analysis/analyze.ts";
import { analyzeObjects } from "../../controlplane/analysis/analyze-objects.ts";
import { kindOfObject } from "../../kinds/catalogue.ts";
import type { KubeObject } from "../../kinds/object.ts";
import { createKubeClient } from "../../kube/client/create-kube-client.ts";
import { loadKubeconfig } from "../../kube/client/load-kubeconfig.ts";
import { formatProblem, problem } from "../../lib/problem.ts";
import { type CommandInput, defineCommand, MESH_FLAG } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";
import { readManifests } from "../manifests.ts";
import { meshFolder } from "../mesh-access.ts";
import { translationFindings } from "../translation-problems.ts";

const ANALYZER_NAMES = Object.keys(ANALYZERS);
const LEVELS: readonly Level[] = ["Info", "Warning", "Error"];

export const analyze = defineCommand({
	name: "analyze",
	summary: "Find mistakes in the configuration of a mesh, of files, or of both",
	details:
		"Objects in files stand for those of the same name in the mesh. Exit code 79 when something is found at --failure-threshold or above, 65 when a file cannot be parsed.",
	args: [
		{
			name: "file",
			help: "files or folders to look at as if they were applied; - for standard input",
			repeat: true,
			completes: "file",
		},
	],
	flags: {
		data: MESH_FLAG,
		namespace: {
			short: "n",
			value: "namespace",
			help: "only findings in this namespace (files without one are put there; default: default)",
		},
		"all-namespaces": { short: "A", help: "findings in all namespaces" },
		"files-only": { help: "look at the files alone, not at the mesh" },
		suppress: {
			short: "S",
			value: "code=resource",
			help: 'leave a finding out: "IST0101=VirtualService reviews.default", * as wildcard',
			repeat: true,
		},
		"failure-threshold": {
			value: "level",
			help: "least finding that makes it fail",
			default: "Error",
			choices: LEVELS,
		},
		"output-threshold": { value: "level", help: "least finding that is shown", default: "Info", choices: LEVELS },
		analyzer: { value: "name", help: "run only this analyzer", repeat: true },
		list: { short: "L", help: "list the analyzers and end" },
		output: { short: "o", value: "format", help: "format of the result", default: "log", choices: ["log", "json"] },
	},
	examples: ["lateen analyze -A", "lateen analyze --files-only rules/", "cat new-rule.yaml | lateen analyze -"],
	async run(input) {
		const { out, flags, isSet } = input;
		if (isSet("list")) {
			for (const name of ANALYZER_NAMES) out.line(name);
			return EXIT.ok;
		}
		const { manifests, problems } =
			input.args.length > 0 ? await readManifests(input.args) : { manifests: [], problems: [] };
		for (const p of problems) out.note(formatProblem(p));
		const files = manifests.map(({ object }) => placed(object, input.flag("namespace") ?? "default"));
		const cluster = isSet("files-only") ? [] : await meshObjects(input);
		const objects = [...cluster, ...files];
		// Without Services at hand, every host that a rule names would look unknown.
		const hasCluster = objects.some((o) => o.kind === "Service");
		const { messages, skipped } = analyzeObjects({ objects, hasCluster, analyzers: analyzersOf(flags("analyzer")) });
		if (skipped.length > 0) out.note(`Not run, since no Services were given: ${skipped.join(", ")}.`);
		const all = [...messages, ...(await leftOutByControlPlane(input))].sort(compareMessages);
		return report(
			all.filter((m) => isWanted(m, input)),
			problems.length > 0,
			input,
		);
	},
});

/** Files may leave the namespace to the reader, as with kubectl. */
function placed(object: KubeObject, namespace: string): KubeObject {
	return kindOfObject(object)?.namespaced && !object.metadata?.namespace
		? { ...object, metadata: { ...object.metadata, namespace } }
		: object;
}

async function meshObjects({ flag, args }: CommandInput): Promise<KubeObject[]> {
	const folder = meshFolder(flag("data"));
	const mesh = runningMesh(folder);
	if (!mesh) {
		if (args.length > 0) return [];
		throw new CommandError(
			EXIT.unavailable,
			formatProblem(
				problem(
					"LTN4001",
					folder.root,
					"no mesh runs in this folder and no file was named",
					"start one with `lateen up`, or name files",
				),
			),
		);
	}
	const client = createKubeClient(loadKubeconfig(mesh.kubeconfig));
	try {
		return await clusterObjects(client);
	} finally {
		client.close();
	}
}

/** Only the running mesh knows its proxies; files alone, or chosen analyzers, are not its business. */
async function leftOutByControlPlane({ flag, flags, args, isSet }: CommandInput): Promise<readonly AnalysisMessage[]> {
	const mesh = runningMesh(meshFolder(flag("data")));
	if (!mesh || args.length > 0 || isSet("files-only") || flags("analyzer").length > 0) return [];
	return translationFindings(mesh.urls.controlPlaneDebug);
}

function analyzersOf(names: readonly string[]): readonly string[] | undefined {
	const unknown = names.find((name) => !ANALYZER_NAMES.includes(name));
	if (unknown !== undefined)
		throw new CommandError(
			EXIT.usage,
			formatProblem(problem("LTN4240", "--analyzer", `there is no analyzer "${unknown}"`, "list them with --list")),
		);
	return names.length > 0 ? names : undefined;
}

function isWanted(message: AnalysisMessage, { flag, flags, isSet }: CommandInput): boolean {
	const namespace = flag("namespace") ?? "default";
	if (!isSet("all-namespaces") && message.resource.namespace !== "" && message.resource.namespace !== namespace)
		return false;
	if (LEVELS.indexOf(message.level) < LEVELS.indexOf(flag("output-threshold") as Level)) return false;
	const name = `${message.resource.kind} ${message.resource.name}.${message.resource.namespace}`;
	return !flags("suppress").some((rule) => {
		const [code, pattern = "*"] = rule.split("=");
		return code === message.code && wildcard(pattern).test(name);
	});
}

function wildcard(pattern: string): RegExp {
	return new RegExp(
		`^${pattern
			.split("*")
			.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
			.join(".*")}$`,
	);
}

function report(messages: readonly AnalysisMessage[], badFiles: boolean, { flag, out }: CommandInput): number {
	if (flag("output") === "json") {
		out.json(
			messages.map(({ code, level, resource, text }) => ({
				code,
				level,
				origin: `${resource.kind} ${resource.namespace}/${resource.name}`,
				message: text,
			})),
		);
		return badFiles ? EXIT.badInput : EXIT.ok;
	}
	const paint = { Error: out.style.red, Warning: out.style.yellow, Info: out.style.cyan };
	for (const m of messages) out.line(formatMessage(m).replace(m.level, paint[m.level](m.level)));
	if (messages.length === 0 && !badFiles) out.note(`${out.style.green("✔")} No validation issues found.`);
	if (badFiles) return EXIT.badInput;
	const failing = messages.some((m) => LEVELS.indexOf(m.level) >= LEVELS.indexOf(flag("failure-threshold") as Level));
	return failing ? EXIT.findings : EXIT.ok;
}
