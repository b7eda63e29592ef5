import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { injectionConfigFor } from "../../app/injection-plugin.ts";
import { runningMesh } from "../../app/mesh-state.ts";
import { injectManifests } from "../../controlplane/injector/inject-manifests.ts";
import { formatProblem, problem } from "../../lib/problem.ts";
import { defineCommand, MESH_FLAG } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";
import { meshFolder } from "../mesh-access.ts";

export const kubeInject = defineCommand({
	name: "kube-inject",
	summary: "Add the sidecar to the workloads of a YAML file",
	details:
		"Prints the result. For namespaces without automatic injection. Documents that are no workloads stay as they are.",
	flags: {
		data: MESH_FLAG,
		filename: { short: "f", value: "file", help: "the file; - for standard input" },
		output: { short: "o", value: "file", help: "write here instead of standard output" },
		namespace: { short: "n", value: "namespace", help: "namespace the workloads are meant for", default: "default" },
	},
	examples: ["kubectl apply -f <(lateen kube-inject -f deployment.yaml)"],
	async run({ flag, out }) {
		const file = flag("filename");
		if (!file)
			throw new CommandError(
				EXIT.usage,
				formatProblem(problem("LTN4210", "-f", "no file was named", "give a file, or - for standard input")),
			);
		const mesh = runningMesh(meshFolder(flag("data")));
		const result = injectManifests(await read(file), {
			config: injectionConfigFor(mesh?.ports.xds),
			namespace: flag("namespace")!,
		});
		for (const sentence of result.skipped) out.note(sentence);
		for (const p of result.problems) out.note(formatProblem({ ...p, path: `${file} ${p.path}`.trimEnd() }));
		if (result.problems.length > 0) return EXIT.badInput;
		const target = flag("output");
		if (target) await writeFile(target, result.text);
		else process.stdout.write(result.text);
		return EXIT.ok;
	},
});

async function read(file: string): Promise<string> {
	try {
		return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
	} catch (cause) {
		const told = problem("LTN4211", file, `cannot be read: ${(cause as Error).message}`, "name an existing file");
		throw new CommandError(EXIT.badInput, formatProblem(told), { cause });
	}
}
