import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { runLateen, type TestMesh } from "../support/mesh.ts";

const VS = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: wrong }\n";
const ROUTE = "route: [{ destination: { host: reviews } }]";

/** What is wrong, the manifest, what kubectl must print. */
const REFUSED: readonly (readonly [string, string, readonly RegExp[]])[] = [
	[
		"broken YAML",
		"kind: ConfigMap\nmetadata: { name: x\n",
		[/error parsing STDIN: error converting YAML to JSON: yaml: line \d+/],
	],
	["no YAML at all", "hello", [/error (parsing|validating)|Object 'Kind' is missing|cannot unmarshal string/]],
	[
		"an unknown kind",
		VS.replace("VirtualService", "VirtualServce"),
		[/no matches for kind "VirtualServce" in version "networking.istio.io\/v1"/],
	],
	[
		"an unknown group",
		"apiVersion: nobody.io/v1\nkind: Thing\nmetadata: { name: x }\n",
		[/no matches for kind "Thing" in version "nobody.io\/v1"/],
	],
	[
		"unknown fields, all of them",
		`${VS}spec: { hosts: [reviews], htpp: [], http: [{ route: [{ destination: { host: reviews, sbset: v1 } }] }] }\n`,
		[
			/strict decoding error/,
			/unknown field "spec.htpp"/,
			/unknown field "spec.http\[0\].route\[0\].destination.sbset"/,
		],
	],
	[
		"values of the wrong type, all of them",
		`${VS}spec: { hosts: [reviews], http: [{ timeout: 5 seconds, route: [{ destination: { host: reviews }, weight: abc }] }] }\n`,
		[
			/The VirtualService "wrong" is invalid/,
			/spec.http\[0\].route\[0\].weight: Invalid value: .*must be of type integer/,
			/spec.http\[0\].timeout: Invalid value: "5 seconds"/,
		],
	],
	[
		"what only Istio's validation sees",
		`${VS}spec: { hosts: [reviews], http: [{ match: [{ uri: { regex: "(a" } }], ${ROUTE}, redirect: { uri: / } }] }\n`,
		[
			/validation.istio.io" denied the request/,
			/spec.http\[0\].match\[0\].uri.regex: .*missing closing \)/,
			/redirect and route/,
		],
	],
	[
		"a value out of its set",
		"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: wrong }\nspec: { host: reviews, trafficPolicy: { loadBalancer: { simple: ROBIN } } }\n",
		[/spec.trafficPolicy.loadBalancer.simple: Unsupported value: "ROBIN": supported values: .*"ROUND_ROBIN"/],
	],
	[
		"a string where Kubernetes wants a number",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: wrong }\nspec: { replicas: two }\n",
		[/cannot unmarshal string into Go struct field .*replicas of type int32/],
	],
	[
		"a name that is none",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: { name: Wrong_Name }\n",
		[/metadata.name: Invalid value: "Wrong_Name": a lowercase RFC 1123 subdomain/],
	],
	[
		"a namespace that is not there",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: { name: wrong, namespace: nowhere }\n",
		[/namespaces "nowhere" not found/],
	],
	[
		"a selector that does not fit its template",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: wrong }\nspec: { selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: c } }, spec: { containers: [{ name: x, image: busybox }] } } }\n",
		[/spec.template.metadata.labels: Invalid value: .*`selector` does not match template `labels`/],
	],
];

/** Mistakes on the way in: they are told with their place, and nothing changes. */
export function badInputTests(mesh: TestMesh): void {
	const everything = () =>
		mesh.kubectl.ok([
			"get",
			"vs,dr,gateways.networking.istio.io,cm,deploy,svc",
			"-A",
			"-o",
			"jsonpath={range .items[*]}{.kind}/{.metadata.name}@{.metadata.resourceVersion} {end}",
		]);

	describe("kubectl apply refuses", () => {
		for (const [what, input, messages] of REFUSED)
			test(what, async () => {
				const before = await everything();
				const { code, stdout, stderr } = await mesh.kubectl(["apply", "-f", "-"], { input });
				assert.equal(code, 1, stdout);
				for (const message of messages) assert.match(stderr, message);
				assert.equal(await everything(), before, "nothing has changed");
			});

		test("patches, scales and names that cannot be", async () => {
			for (const [args, message] of [
				[
					["patch", "vs", "bookinfo", "--type=merge", "-p", '{"spec":{"http":"x"}}'],
					/spec.http: Invalid value: .*must be of type array/,
				],
				[["patch", "vs", "bookinfo", "--type=json", "-p", '[{"op":"remove","path":"/spec/nothing"}]'], /nothing|path/],
				[["get", "vs", "absent"], /virtualservices.networking.istio.io "absent" not found/],
				[["get", "nonsense"], /the server doesn't have a resource type "nonsense"/],
				[["create", "deployment", "details-v1", "--image=busybox"], /deployments.apps "details-v1" already exists/],
				[["logs", "absent"], /pods "absent" not found/],
				[
					["exec", "deploy/details-v1", "-c", "absent", "--", "true"],
					/container (name )?"?absent"? (is not valid|not found)|container not found/,
				],
			] as const) {
				const { code, stderr } = await mesh.kubectl(args);
				assert.equal(code, 1, `${args.join(" ")}: ${stderr}`);
				assert.match(stderr, message);
			}
		});
	});

	describe("lateen validate", () => {
		const folder = join(dirname(mesh.dataDir), "manifests");
		mkdirSync(folder, { recursive: true });
		const file = (name: string, text: string) => {
			writeFileSync(join(folder, name), text);
			return join(folder, name);
		};
		const validate = (...args: string[]) => runLateen(["validate", ...args]);

		test("0 for what is right, 79 for what is wrong, each finding once with file and line", async () => {
			const good = `${VS.replace("wrong", "good")}spec: { hosts: [reviews], http: [{ ${ROUTE} }] }\n`;
			const right = await validate(file("good.yaml", good));
			assert.deepEqual([right.code, right.stderr], [0, ""]);
			const wrong = `${good}---\n${VS}spec: { hosts: [reviews], htpp: 1, http: [{ route: [{ destination: { host: reviews }, weight: abc }] }] }\n`;
			const { code, stdout, stderr } = await validate("-f", file("wrong.yaml", wrong));
			assert.equal(code, 79);
			assert.match(stdout, /VirtualService good .*is valid/);
			const lines = stderr.trim().split("\n");
			assert.equal(lines.length, 2, stderr);
			assert.match(
				lines[0]!,
				/Error VirtualService wrong \(.*wrong\.yaml:6\) LTN1010 spec.htpp: unknown field .*Did you mean http\?/,
			);
			assert.match(lines[1]!, /LTN1009 spec.http\[0\].route\[0\].weight: must be of type integer/);
		});

		test("65 for what is no YAML or no file, 64 for a wrong command line", async () => {
			for (const [args, code, message] of [
				[[file("broken.yaml", "a: [b\n")], 65, /LTN4212 .*broken\.yaml:2:1: .*Mend the YAML/],
				[
					[file("scalar.yaml", "hello\n")],
					65,
					/LTN4213 .*scalar\.yaml:1: a Kubernetes object needs apiVersion and kind/,
				],
				[[join(folder, "absent.yaml")], 65, /LTN4211 .*absent\.yaml: there is no such file/],
				[[], 64, /LTN4210 no file was named/],
				[["-o", "xml", "x.yaml"], 64, /Allowed choices are table, json/],
				[["--nonsense"], 64, /unknown option '--nonsense'/],
			] as const) {
				const result = await validate(...args);
				assert.equal(result.code, code, result.stderr);
				assert.match(result.stderr, message);
			}
		});
	});
}
