import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bookinfo } from "../../src/controlplane/translate/testing/bookinfo.ts";
import { testProxy } from "../../src/controlplane/translate/testing/test-proxy.ts";
import type { MeshFixture } from "../../src/controlplane/model/testing/mesh-fixture.ts";
import { ClusterSchema } from "../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ListenerSchema } from "../../src/xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../src/xds/generated/envoy/config/route/v3/route_pb.ts";
import { proxyCompilers } from "../support/proxy-compilers.ts";

const HERE = import.meta.dirname;
const SAMPLES = join(HERE, "../../samples");
const ACCEPTANCE = join(HERE, "../../../shared/acceptance");
const compilers = proxyCompilers();

/** Rules that ask for what is not there yet; everything else must pass without a word. */
const NOT_YET: readonly RegExp[] = [
	/-mtls\.yaml$/,
	/tls-origination\.yaml$/,
	/ext-mutual/,
	/https-simple\.yaml$/,
	/tcp-(routes|echo.*)\.yaml$/,
	/tls-routes\.yaml$/,
	/https-external-direct\.yaml$/,
	/two-gateways-by-label\.yaml$/,
	/cidr-destination\.yaml$/,
	/serviceentry-(vm|resolution-modes)\.yaml$/,
	/egress-rule-google-apis\.yaml$/,
	/_cb_policy_.*\.yml$/,
	/gateway-api\//,
];

const RULES = /kind: *(VirtualService|DestinationRule|Gateway|ServiceEntry)/;

/** Everything that a fixture's sidecar and gateway are sent, through the proxy's own compilers. */
function refusals(fixture: MeshFixture): readonly string[] {
	const extensions = compilers.extensions;
	const sidecar = testProxy(fixture, { deployment: "productpage-v1", extensions });
	const gateway = testProxy(fixture, { deployment: "istio-ingressgateway", namespace: "istio-system", role: "router", extensions });
	const listeners = [...sidecar.listeners(), ...gateway.listeners()];
	const routes = [sidecar.routes(), ...(gateway.listeners().length > 0 ? [gateway.routes("http.8080")] : [])];
	return [
		...sidecar.clusters().flatMap((m) => compilers.refusals(ClusterSchema, m)),
		...listeners.flatMap((m) => compilers.refusals(ListenerSchema, m)),
		...routes.flatMap((m) => compilers.refusals(RouteConfigurationSchema, m)),
	];
}

function checkFolder(folder: string): void {
	const files = globSync("**/*.{yaml,yml}", { cwd: folder }).filter((f) => !NOT_YET.some((pattern) => pattern.test(f)));
	let checked = 0;
	for (const file of files.sort()) {
		const text = readFileSync(join(folder, file), "utf8");
		if (!RULES.test(text)) continue;
		checked++;
		const fixture = bookinfo({ accessLogFile: "/dev/stdout" }).apply(text);
		assert.deepEqual(
			fixture.snapshot().problems.flatMap((p) => p.problems),
			[],
			file,
		);
		assert.deepEqual(refusals(fixture), [], file);
	}
	assert.ok(checked > 5, `only ${checked} files with rules in ${folder}`);
}

test("the project's samples are translated whole, and Lateen's proxy takes the outcome", () => checkFolder(SAMPLES));

const skip = existsSync(ACCEPTANCE) ? false : "the acceptance files are not beside this checkout";
test("so are the acceptance files", { skip }, () => checkFolder(ACCEPTANCE));
