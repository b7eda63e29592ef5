import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { BootstrapSchema } from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { parseBootstrap, readBootstrap } from "./bootstrap-file.ts";

async function problemsOf(text: string): Promise<string[]> {
	try {
		await parseBootstrap(text, "b.yaml");
		return [];
	} catch (error) {
		assert.ok(error instanceof ProblemError, String(error));
		return error.problems.map(({ code, path }) => `${code} ${path}`);
	}
}

test("YAML and JSON, proto and JSON names, give the same bootstrap", async () => {
	const yaml = await parseBootstrap(
		"node: {id: a}\nstatic_resources:\n  clusters:\n  - name: c\n    connect_timeout: 0.25s\n",
		"b",
	);
	const json = await parseBootstrap(
		'{"node":{"id":"a"},"staticResources":{"clusters":[{"name":"c","connectTimeout":"0.250s"}]}}',
		"b",
	);
	assert.deepEqual(yaml, json);
	assert.equal(yaml.staticResources!.clusters[0]!.connectTimeout!.nanos, 250_000_000);
});

test("every unknown field is named with its path, inside extensions too", async () => {
	const text = `
static_resource: {}
admin: {address: {socket_address: {adress: 127.0.0.1, port_value: 1}}}
static_resources:
  clusters:
  - name: c
    typed_extension_protocol_options:
      x: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit: {}}
      y: {"@type": type.googleapis.com/no.such.Type}
      z: { value: 1 }
`;
	assert.deepEqual(await problemsOf(text), [
		"LTN3501 static_resource",
		"LTN3501 admin.address.socket_address.adress",
		"LTN3501 static_resources.clusters[0].typed_extension_protocol_options[x].explicit",
		"LTN3503 static_resources.clusters[0].typed_extension_protocol_options[y]",
		"LTN3502 static_resources.clusters[0].typed_extension_protocol_options[z]",
	]);
});

test("text that is no bootstrap is told as such", async () => {
	assert.deepEqual(await problemsOf("{"), ["LTN3513 b.yaml"]);
	assert.deepEqual(
		await problemsOf("a: [1\nb: {"),
		["LTN3514 b.yaml"].concat((await problemsOf("a: [1\nb: {")).slice(1)),
	);
	assert.deepEqual(await problemsOf(""), ["LTN3515 b.yaml"]);
	assert.deepEqual(await problemsOf("admin: {address: {socket_address: {port_value: lots}}}"), ["LTN3512 b.yaml"]);
	await assert.rejects(readBootstrap("/no/such/file.yaml"), /LTN3510 \/no\/such\/file\.yaml: there is no such file/);
});

test("a file that ends in .pb is binary, .pb_text is refused", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "lateen-pb-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const yaml = await parseBootstrap("node: { id: a }", "b");
	const file = join(folder, "b.pb");
	writeFileSync(file, toBinary(BootstrapSchema, yaml));
	assert.deepEqual(await readBootstrap(file), yaml);
	writeFileSync(file, "node: {");
	await assert.rejects(readBootstrap(file), ProblemError);
	await assert.rejects(readBootstrap(join(folder, "b.pb_text")), ProblemError);
});
