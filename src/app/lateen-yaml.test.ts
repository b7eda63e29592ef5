import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../lib/problem.ts";
import { parseLateenYaml } from "./lateen-yaml.ts";

test("images and mesh settings are read", () => {
	const read = parseLateenYaml(
		"images:\n  my/app:\n    command: [node, a.js]\n    workingDir: ../app\n    env: { A: 1 }\nmesh:\n  weightedFailover: false\n",
		"/home/me/mesh/lateen.yaml",
	);
	const app = { command: ["node", "a.js"], workingDir: "/home/me/app", env: { A: "1" } };
	assert.deepEqual(read.images.get("my/app"), app);
	assert.deepEqual(read.mesh, { weightedFailover: false });
});

test("every problem is told with its path, none is passed over", () => {
	const text = "image: {}\nimages:\n  a: { command: x }\n  b: { command: [a], cwd: / }\n";
	assert.throws(
		() => parseLateenYaml(text, "lateen.yaml"),
		(error: ProblemError) => {
			assert.deepEqual(
				error.problems.map((p) => `${p.code} ${p.path}`),
				["LTN6032 lateen.yaml: image", "LTN6033 lateen.yaml: images[a].command", "LTN6032 lateen.yaml: images[b].cwd"],
			);
			return true;
		},
	);
	assert.throws(() => parseLateenYaml("a: [", "f"), ProblemError);
});
