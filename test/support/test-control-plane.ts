import { startAdsServer } from "../../src/controlplane/ads/start-ads-server.ts";
import { startDebugServer } from "../../src/controlplane/ads/start-debug-server.ts";
import type { ProxySyncStatus } from "../../src/controlplane/ads/sync-status.ts";
import type { MeshFixture } from "../../src/controlplane/model/testing/mesh-fixture.ts";
import { createRegistry } from "../../src/controlplane/registry/create-registry.ts";
import { createTranslator } from "../../src/controlplane/translate/translator.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/telemetry/logger.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { FixtureKubeClient } from "./fixture-kube-client.ts";

export interface TestControlPlane {
	readonly xdsPort: number;
	readonly debugUrl: string;
	/** Changes the fixture; the control plane sees it as it sees any change of the API. */
	change(work: (fixture: MeshFixture) => void): void;
	syncStatus(): Promise<readonly ProxySyncStatus[]>;
	close(): Promise<void>;
}

/** The control plane in this process, over a fixture instead of a cluster. `xdsPort` 0 takes any. */
export async function startTestControlPlane(fixture: MeshFixture, xdsPort = 0): Promise<TestControlPlane> {
	const metrics = new MetricRegistry();
	const kube = new FixtureKubeClient(fixture);
	const common = { clock: systemClock, logger: silentLogger, metrics, version: "test", host: "127.0.0.1" };
	const registry = createRegistry({ ...common, client: kube.client, meshConfig: fixture.mesh });
	const translator = createTranslator();
	translator.update(await registry.ready);
	const ads = await startAdsServer({ ...common, source: translator, port: xdsPort });
	registry.onSnapshot((snapshot, change) => {
		translator.update(snapshot);
		ads.push(change);
	});
	const debug = await startDebugServer({
		...common,
		port: 0,
		registry: metrics,
		sessions: ads.sessions,
		ready: () => registry.snapshot !== undefined,
		pages: {},
	});
	const debugUrl = `http://127.0.0.1:${debug.port}`;
	return {
		xdsPort: ads.port,
		debugUrl,
		change: (work) => kube.change(work),
		async syncStatus() {
			return (await (await fetch(`${debugUrl}/debug/syncz`)).json()) as ProxySyncStatus[];
		},
		async close() {
			registry.stop();
			await debug.close();
			await ads.close();
		},
	};
}
