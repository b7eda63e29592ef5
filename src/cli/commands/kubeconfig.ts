import { readFileSync } from "node:fs";
import { defineCommand, MESH_FLAG } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { requireMesh } from "../mesh-access.ts";

export const kubeconfig = defineCommand({
	name: "kubeconfig",
	summary: "Print the kubeconfig of a mesh, or its path",
	details: "Use it with: export KUBECONFIG=$(lateen kubeconfig --path)",
	flags: { data: MESH_FLAG, path: { help: "print the file's path instead of its content" } },
	examples: ["export KUBECONFIG=$(lateen kubeconfig --path)", "lateen kubeconfig > ~/.kube/lateen"],
	async run({ flag, isSet, out }) {
		const { kubeconfig: path } = requireMesh(flag("data"));
		out.line(isSet("path") ? path : readFileSync(path, "utf8").trimEnd());
		return EXIT.ok;
	},
});
