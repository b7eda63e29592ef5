import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { istioPath, istioSource } from "../../../tools/oracle/build-istiod.ts";
import { proxyCompilers } from "../../support/proxy-compilers.ts";
import { applyObjects, deleteObjects, readObjects } from "./apply.ts";
import { ConfigWatch } from "./config-watch.ts";
import { type CorpusFile, corpus, namespaceOf, nodesFor } from "./corpus.ts";
import { receiveConfig, schemaOf } from "./received-config.ts";
import { type Istiod, startIstiod } from "./start-istiod.ts";

const program = istioPath();
const options = existsSync(program)
	? {}
	: { skip: `no istiod at ${program}: build it with "node tools/oracle/build-istiod.ts" (Go, some minutes)` };

/** What is refused, and why it may be. */
const REFUSED: readonly (readonly [problem: RegExp, why: string])[] = [
	[/ext_proc/, "external processing is not built"],
	[/Wasm|config_discovery|wasmplugin/, "there is no WebAssembly here"],
	[/filters\.http\.lua/, "there is no Lua here"],
	[
		/the last filter is not the router|filters\.http\.router/,
		"an EnvoyFilter that puts a filter behind the router: Envoy refuses it, too",
	],
	[/the weights sum to 0/, "so does Envoy"],
];

const BOOKINFO = join(import.meta.dirname, "../../../samples/bookinfo/platform/kube");

describe("what istiod sends is taken", options, () => {
	let istiod: Istiod;
	let watch: ConfigWatch;
	const compilers = proxyCompilers();
	const namespaces = new Set(["default", "istio-system"]);

	before(async () => {
		istiod = await startIstiod(program, { meshConfig: { accessLogFile: "/dev/stdout" } });
		const bookinfo = globSync("*.yaml", { cwd: BOOKINFO }).flatMap((file) =>
			readObjects(readFileSync(join(BOOKINFO, file), "utf8")),
		);
		await applyObjects(istiod.api, bookinfo);
		watch = new ConfigWatch(istiod.api, istiod.xdsPort);
	});
	after(async () => {
		watch?.close();
		await istiod?.[Symbol.asyncDispose]();
	});

	test("for every file of rules", async () => {
		const files = corpus(await istioSource());
		const refused: string[] = [];
		for (const file of files) refused.push(...(await refusalsOf(file)));
		assert.ok(files.length > 20);
		assert.equal(refused.length, 0, `\n${refused.join("\n")}`);
	});

	async function refusalsOf({ name, objects }: CorpusFile): Promise<string[]> {
		await makeNamespaces(objects.map(namespaceOf));
		const { created } = await applyObjects(istiod.api, objects);
		if (created.length === 0) return [];
		await watch.caughtUp();
		const found: string[] = [];
		const nodes = nodesFor(created);
		const received = await Promise.all(nodes.map((node) => receiveConfig(istiod.xdsPort, node)));
		for (const [i, node] of nodes.entries())
			for (const one of received[i]!) {
				const problems = one.message
					? compilers.refusals(schemaOf(one.type), one.message)
					: [`unknown type ${one.typeUrl}`];
				found.push(...problems.map((problem) => `${name}: ${node.role} ${one.type} ${one.name}: ${problem}`));
			}
		await deleteObjects(istiod.api, created);
		return found.filter((line) => !REFUSED.some(([problem]) => problem.test(line)));
	}

	async function makeNamespaces(names: readonly string[]): Promise<void> {
		const missing = [...new Set(names)].filter((name) => !namespaces.has(name));
		for (const name of missing) namespaces.add(name);
		await applyObjects(
			istiod.api,
			missing.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
		);
	}
});
