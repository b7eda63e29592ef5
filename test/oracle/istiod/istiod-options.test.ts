import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { validate } from "../../../src/app/proxy-host.ts";
import { formatProblem, ProblemError } from "../../../src/lib/problem.ts";
import { readBootstrap } from "../../../src/proxy/runtime/bootstrap/bootstrap-file.ts";
import { istioPath, istioSource } from "../../../tools/oracle/build-istiod.ts";
import { proxyCompilers } from "../../support/proxy-compilers.ts";
import { applyObjects, readObjects } from "./apply.ts";
import { ConfigWatch } from "./config-watch.ts";
import { type MeshVariant, PROVIDERS, ruleFor, VARIANTS } from "./mesh-options.ts";
import { receiveConfig, schemaOf, type WorkloadNode } from "./received-config.ts";
import { startIstiod } from "./start-istiod.ts";

const program = istioPath();
const options = existsSync(program)
	? {}
	: { skip: `no istiod at ${program}: build it with "node tools/oracle/build-istiod.ts" (Go, some minutes)` };
const RULES = readFileSync(join(import.meta.dirname, "testdata/every-option.yaml"), "utf8");

/** Tracers that are not built, and what Envoy refuses, too. */
const REFUSED = /DatadogConfig|SkyWalkingConfig/;
const APPS = ["all", "jwt", "sidecar-none", ...PROVIDERS.map(({ name }) => String(name))];

describe("what istiod makes of every option is taken", options, () => {
	for (const variant of VARIANTS) test(variant.name, () => checkVariant(variant));

	test("the bootstraps that Istio's agent renders", async () => {
		const source = await istioSource();
		const folder = join(source ?? "", "pkg/bootstrap/testdata");
		const files = source === undefined ? [] : globSync("*_golden.json", { cwd: folder });
		const refused = (
			await Promise.all(files.map(async (file) => [file, await bootstrapProblem(join(folder, file))]))
		).filter(([, problem]) => problem !== undefined);
		const unexpected = refused.filter(([, problem]) => !BOOTSTRAP_REFUSED.test(problem!));
		assert.deepEqual(unexpected, []);
		assert.ok(files.length === 0 || files.length - refused.length > 10);
	});
});

/** Sinks of stats, load reports, tracers that are not built, and ambient mode. */
const BOOTSTRAP_REFUSED =
	/MetricsServiceConfig|StatsdSink|load_stats_config|histogram_bucket_settings|DatadogConfig|LightstepConfig|metadata_discovery/;

async function bootstrapProblem(file: string): Promise<string | undefined> {
	try {
		await validate(await readBootstrap(file, { allowUnknownFields: true }));
		return undefined;
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		return error.problems.map(formatProblem).join("\n");
	}
}

async function checkVariant({ meshConfig, metadata }: MeshVariant): Promise<void> {
	const config = { ...meshConfig, extensionProviders: PROVIDERS, defaultProviders: { metrics: ["prometheus"] } };
	const env = { PILOT_ENABLE_PERSISTENT_SESSION_FILTER: "true" };
	await using istiod = await startIstiod(program, { meshConfig: config, env });
	const objects = readObjects(`${RULES}\n${PROVIDERS.map(ruleFor).join("")}`);
	const { refused } = await applyObjects(istiod.api, objects);
	assert.deepEqual(refused, []);
	const watch = new ConfigWatch(istiod.api, istiod.xdsPort);
	try {
		await watch.caughtUp();
		const compilers = proxyCompilers();
		const found: string[] = [];
		for (const node of nodes(metadata))
			for (const one of await receiveConfig(istiod.xdsPort, node)) {
				const problems = one.message ? compilers.refusals(schemaOf(one.type), one.message) : [one.typeUrl];
				found.push(...problems.map((problem) => `${node.role} ${node.labels.app} ${one.type} ${one.name}: ${problem}`));
			}
		assert.deepEqual([...new Set(found.filter((line) => !REFUSED.test(line)))], []);
	} finally {
		watch.close();
	}
}

function nodes(metadata: WorkloadNode["metadata"]): WorkloadNode[] {
	const node = (role: WorkloadNode["role"], namespace: string, labels: Record<string, string>): WorkloadNode => ({
		role,
		namespace,
		labels,
		name: "x",
		ip: "10.9.0.7",
		...(metadata && { metadata }),
	});
	return [
		node("router", "istio-system", { app: "istio-ingressgateway", istio: "ingressgateway" }),
		...APPS.map((app) => node("sidecar", "default", { app })),
	];
}
