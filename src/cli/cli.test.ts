import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { MeshState } from "../app/mesh-state.ts";
import { formatAge } from "./age.ts";
import { type CommandSpec, defineCommand, OUTPUT_FLAG } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { completions } from "./completion-script.ts";
import { parseConfigDump } from "./config-dump.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import { parseManifests } from "./manifests.ts";
import { meshFolder } from "./mesh-access.ts";
import { nextSteps } from "./next-steps.ts";
import { runProgram } from "./program.ts";
import { progressPrinter } from "./progress.ts";
import { createTerminal, formatTable } from "./terminal.ts";

function capture() {
	const written = { stdout: "", stderr: "" };
	const stream = (name: keyof typeof written) => ({
		write(text: string) {
			written[name] += text;
		},
	});
	const out = createTerminal({ stdout: stream("stdout"), stderr: stream("stderr") });
	return { out, stdout: () => written.stdout, stderr: () => written.stderr };
}

const greet: CommandSpec = defineCommand({
	name: "greet",
	summary: "Say hello",
	args: [{ name: "who", help: "whom", required: true, completes: ["anna", "bob"] }],
	flags: { output: OUTPUT_FLAG, times: { value: "n", help: "how often", repeat: true } },
	examples: ["lateen greet anna"],
	async run({ args, flag, flags, out }) {
		if (args[0] === "nobody") throw new CommandError(EXIT.unavailable, "LTN9 nobody: is not there. Name another.");
		if (args[0] === "bug") throw new TypeError("x is not a function");
		out.line(`${args[0]} ${flag("output")} ${flags("times").join("+")}`);
		return EXIT.ok;
	},
});

test("a command gets its arguments, defaults and repeated flags", async () => {
	const c = capture();
	assert.equal(await runProgram([greet], ["greet", "anna", "--times", "1", "--times", "2"], c.out), EXIT.ok);
	assert.equal(c.stdout(), "anna table 1+2\n");
});

test("mistakes on the command line end with 64 and say what is meant", async () => {
	for (const [argv, words] of [
		[["gret"], /unknown command 'gret'[\s\S]*Did you mean greet/],
		[["greet"], /missing required argument 'who'/],
		[["greet", "anna", "--output", "xml"], /Allowed choices are table, json/],
		[["greet", "anna", "--outptu", "json"], /unknown option '--outptu'/],
	] as const) {
		const c = capture();
		assert.equal(await runProgram([greet], argv, c.out), EXIT.usage, argv.join(" "));
		assert.match(c.stderr(), words);
		assert.equal(c.stdout(), "");
	}
});

test("a failed command has its own code and sentence; a bug says that it is one", async () => {
	const c = capture();
	assert.equal(await runProgram([greet], ["greet", "nobody"], c.out), EXIT.unavailable);
	assert.equal(c.stderr(), "LTN9 nobody: is not there. Name another.\n");
	const b = capture();
	assert.equal(await runProgram([greet], ["greet", "bug"], b.out), EXIT.bug);
	assert.match(b.stderr(), /this is a bug in Lateen: TypeError: x is not a function/);
});

test("help is printed to stdout with flags and examples, exit code 0", async () => {
	const c = capture();
	assert.equal(await runProgram([greet], ["greet", "--help"], c.out), EXIT.ok);
	assert.match(c.stdout(), /Say hello[\s\S]*--output <format>[\s\S]*Examples:\n {2}lateen greet anna/);
});

test("the page of all commands fits 100 columns, lists each by its summary, and knows what every page says", async () => {
	const c = capture();
	assert.equal(await runProgram(COMMANDS, ["--help"], c.out), EXIT.ok);
	assert.match(c.stdout(), /^ {2}proxy-status, ps {2}Show whether each proxy has its latest configuration$/m);
	assert.match(c.stdout(), /Rules and manifests:\n {2}analyze/);
	const pages = [c.stdout()];
	for (const { name } of COMMANDS) {
		const page = capture();
		assert.equal(await runProgram(COMMANDS, [...name.split(" "), "--help"], page.out), EXIT.ok);
		pages.push(page.stdout());
	}
	const prose = pages.map((page) => page.split("Examples:")[0]!).join("\n");
	for (const line of prose.split("\n")) assert.ok(line.length <= 100, line);
});

test("tables pad columns by three blanks and leave no blanks at line ends", () => {
	assert.deepEqual(
		formatTable([
			["NAME", "AGE"],
			["a-long-name", ""],
			["b", "5s"],
		]),
		["NAME          AGE", "a-long-name", "b             5s"],
	);
});

test("colours take no room in a table", () => {
	const rows = [
		["\u001b[1mNAME\u001b[22m", "AGE"],
		["b", "5s"],
	];
	assert.deepEqual(formatTable(rows), ["\u001b[1mNAME\u001b[22m   AGE", "b      5s"]);
});

test("what is printed of a mesh: a shared label once, then what to do next", () => {
	const c = capture();
	const summary = [
		{ label: "Gateway", value: "http://127.64.192.1" },
		{ label: "Proxy admin", value: "http://127.64.1.2:15000", of: "a" },
		{ label: "Proxy admin", value: "http://127.64.1.10:15000", of: "b" },
	];
	const state = { kubeconfig: "/tmp/a b/kubeconfig" } as MeshState;
	progressPrinter(c.out, false, nextSteps(true))({ type: "ready", state, summary });
	const lines = c.stdout().split("\n");
	assert.deepEqual(lines.slice(1, 4), [
		"  Gateway       http://127.64.192.1",
		"  Proxy admin   http://127.64.1.2:15000    a",
		"                http://127.64.1.10:15000   b",
	]);
	assert.match(lines[5]!, /export KUBECONFIG='\/tmp\/a b\/kubeconfig' PATH=\S+\/bin:\$PATH$/);
	assert.match(lines[6]!, /`lateen down --data '\/tmp\/a b'` ends it/);
});

test("commands that look are about the named folder, the one here, or the mesh of KUBECONFIG", (t) => {
	const root = mkdtempSync(join(tmpdir(), "lateen-cli-"));
	t.after(() => rmSync(root, { recursive: true }));
	const kubeconfig = join(root, "kubeconfig");
	assert.equal(meshFolder(undefined, kubeconfig).root, resolve(".lateen"), "no mesh keeps its state there");
	writeFileSync(join(root, "mesh.json"), "{}");
	assert.equal(meshFolder(undefined, kubeconfig).root, root);
	assert.equal(meshFolder(undefined, join(root, "config")).root, resolve(".lateen"));
	assert.equal(meshFolder("/elsewhere", kubeconfig).root, "/elsewhere");
});

test("ages read as kubectl prints them", () => {
	const cases: [number, string][] = [
		[29, "29s"],
		[119, "119s"],
		[161, "2m41s"],
		[1500, "25m"],
		[5 * 3600, "5h"],
		[5 * 3600 + 60, "5h1m"],
		[18 * 3600, "18h"],
		[3 * 86_400, "3d"],
		[3 * 86_400 + 3600, "3d1h"],
		[20 * 86_400, "20d"],
	];
	for (const [seconds, text] of cases) assert.equal(formatAge(seconds * 1000), text);
});

test("completion offers commands, flags, choices and names", async () => {
	const names = async () => ["reviews-v1.default"];
	const other = { ...greet, name: "proxy-config routes", args: [{ name: "pod", help: "", completes: "pod" as const }] };
	const offered = (...words: string[]) => completions([greet, other], words, names);
	assert.deepEqual(await offered(""), ["greet", "proxy-config"]);
	assert.deepEqual(await offered("proxy-config", ""), ["routes"]);
	assert.deepEqual(await offered("proxy-config", "routes", "re"), ["reviews-v1.default"]);
	assert.deepEqual(await offered("greet", "--o"), ["--output"]);
	assert.deepEqual(await offered("greet", "--output", "j"), ["json"]);
	assert.deepEqual(await offered("greet", "b"), ["bob"]);
});

test("manifests: several documents, lists taken apart, empty ones passed over, mistakes with line and file", () => {
	const text =
		"# c\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: B}\n---\n---\nfoo: 1\n";
	const { manifests, problems } = parseManifests(text, "f.yaml");
	assert.deepEqual(
		manifests.map((m) => [m.object.kind, m.line]),
		[
			["A", 3],
			["B", 3],
		],
	);
	assert.deepEqual(
		problems.map((p) => `${p.code} ${p.path}`),
		["LTN4213 f.yaml:10"],
	);
	const broken = parseManifests("a: [1\nb: 2\n", "g.yaml");
	assert.equal(broken.manifests.length, 0);
	assert.match(broken.problems[0]!.path, /^g\.yaml:2/);
});

test("a config dump is read in Envoy's snake case and in camel case", () => {
	const snake = {
		configs: [
			{
				dynamic_active_clusters: [
					{ cluster: { name: "a", metadata: { filter_metadata: { istio: { config: "/x/namespaces/n/d/r" } } } } },
				],
				static_clusters: [{ cluster: { name: "s" } }],
			},
			{ dynamic_listeners: [{ active_state: { listener: { name: "l" } } }, { name: "warming" }] },
		],
	};
	const dump = parseConfigDump(snake);
	assert.deepEqual(
		dump.clusters.map((c) => c.name),
		["s", "a"],
	);
	assert.equal(dump.clusters[1]!.metadata?.filterMetadata?.istio?.config, "/x/namespaces/n/d/r");
	assert.deepEqual(
		dump.listeners.map((l) => l.name),
		["l"],
	);
});
