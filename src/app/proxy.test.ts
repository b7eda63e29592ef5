import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const ENTRY = new URL("./proxy.ts", import.meta.url).href;
const PROGRAM = `import(${JSON.stringify(ENTRY)}).then((m) => m.runProxy(process.argv.slice(1)))`;

function validate(...flags: string[]): string {
	const args = ["-e", PROGRAM, "--", "--mode", "validate", ...flags];
	const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
	return stdout + stderr;
}

test("--config-yaml is merged into the file: lists grow, as in Envoy", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "lateen-merge-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const file = join(folder, "bootstrap.yaml");
	writeFileSync(file, "static_resources: { clusters: [{ name: x, type: STATIC }] }\n");
	assert.match(validate("-c", file, "--config-yaml", "node: { id: a }"), / OK$/m);
	const bad = validate("-c", file, "--config-yaml", "static_resources: { clusters: [{ type: STATIC }] }");
	assert.match(bad, /^LTN3201 static_resources\.clusters\[1\]\.name: /m);
});

test("flags of Envoy are taken or refused by name", () => {
	const text = ["--config-yaml", "node: { id: a }"];
	assert.match(validate(...text, "--stats-tag", "team:a/b", "--service-zone", "z", "--socket-mode", "600"), / OK$/m);
	assert.match(validate(...text, "--stats-tag", "team"), /^LTN4301 --stats-tag: "team" is not name:value/m);
	assert.match(validate(...text, "--drain-strategy", "slow"), /^LTN4301 --drain-strategy: "slow" is not one of/m);
	assert.match(validate(...text, "--base-id-path=/x"), /^LTN4301 --base-id-path: .* no hot restart/m);
	assert.match(validate("--version"), /^lateen proxy version: \d/);
});

test("routes of a listener name clusters that are there, unless the configuration says that it is not to be checked (as Envoy)", () => {
	const bootstrap = (cluster: string, validates?: boolean) => {
		const routes = [{ match: { prefix: "/" }, route: { cluster } }];
		const typed_config = {
			"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
			stat_prefix: "h",
			route_config: {
				virtual_hosts: [{ name: "v", domains: ["*"], routes }],
				...(validates !== undefined && { validate_clusters: validates }),
			},
			http_filters: [
				{ name: "r", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } },
			],
		};
		const address = { socket_address: { address: "127.0.0.1", port_value: 1 } };
		const listener = { name: "l", address, filter_chains: [{ filters: [{ name: "h", typed_config }] }] };
		return JSON.stringify({ static_resources: { listeners: [listener], clusters: [{ name: "c", type: "STATIC" }] } });
	};
	assert.match(validate("--config-yaml", bootstrap("c")), / OK$/m);
	assert.match(validate("--config-yaml", bootstrap("d")), /^LTN3307 .*route\.cluster: there is no cluster "d"/m);
	assert.match(validate("--config-yaml", bootstrap("d", false)), / OK$/m);
});
