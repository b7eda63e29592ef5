import { startAdsServer } from "../controlplane/ads/start-ads-server.ts";
import { startDebugServer } from "../controlplane/ads/start-debug-server.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../controlplane/model/mesh-config.ts";
import { createRegistry } from "../controlplane/registry/create-registry.ts";
import { createTranslator } from "../controlplane/translate/translator.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import type { Clock } from "../lib/clock.ts";
import { VERSION } from "../lib/names.ts";
import { problem } from "../lib/problem.ts";
import type { Logging } from "../telemetry/logger.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { lateenProxyCheck } from "./lateen-proxy-check.ts";

export interface ControlPlaneOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly logging: Logging;
	readonly bind: string;
	/** 0: any free port, as for the debug pages. */
	readonly xdsPort: number;
	readonly debugPort: number;
}

export interface ControlPlane {
	readonly xdsPort: number;
	readonly debugPort: number;
	/** The mesh's settings as they are now. */
	meshConfig(): MeshConfig;
	/** Resolves when the first snapshot is there; proxies that come before are told to come again. */
	readonly ready: Promise<void>;
	close(): Promise<void>;
}

/** Wires discovery: registry → translate → ADS, and its debug pages. Rejects when a port cannot be had. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
	const { client, clock, logging, bind } = options;
	const metrics = new MetricRegistry();
	const translator = createTranslator(lateenProxyCheck());
	let isReady = false;
	const ads = await startAdsServer({
		source: {
			refusal: (node) =>
				isReady
					? translator.refusal(node)
					: problem("LTN3701", "", "the control plane has not seen the cluster yet", "ask again"),
			generate: (node, typeUrl, names) => translator.generate(node, typeUrl, names),
		},
		clock,
		logger: logging.component("ads"),
		metrics,
		version: VERSION,
		host: bind,
		port: options.xdsPort,
	});
	const meshConfig = { ...DEFAULT_MESH_CONFIG, discoveryAddress: `${bind}:${ads.port}` };
	const registry = createRegistry({ client, meshConfig, clock, logger: logging.component("registry"), metrics });
	const debug = await startDebugServer({
		host: bind,
		port: options.debugPort,
		version: VERSION,
		registry: metrics,
		sessions: ads.sessions,
		ready: () => isReady,
		pages: {
			"/debug/endpointz": () =>
				[...(registry.snapshot?.endpoints ?? [])].map(([host, endpoints]) => ({ host, endpoints })),
			"/debug/problemz": () => ({ objects: registry.snapshot?.problems ?? [], translation: translator.problems() }),
			"/debug/mesh": () => registry.snapshot?.mesh ?? meshConfig,
		},
	});
	const stopListening = registry.onSnapshot((snapshot, change) => {
		translator.update(snapshot);
		ads.push(change);
	});
	const ready = registry.ready.then((snapshot) => {
		translator.update(snapshot);
		isReady = true;
	});
	return {
		xdsPort: ads.port,
		debugPort: debug.port,
		meshConfig: () => registry.snapshot?.mesh ?? meshConfig,
		ready,
		async close() {
			stopListening();
			registry.stop();
			await Promise.all([ads.close(), debug.close()]);
		},
	};
}
