import type { KubeObject } from "../../../src/kinds/object.ts";
import type { ApiServerFixture } from "../../../src/kube/apiserver/fixture/api-server-fixture.ts";
import { RESOURCE_TYPES } from "../../../src/xds/type-urls.ts";
import { eventually } from "../../support/eventually.ts";
import { type DeltaStream, ForeignXdsClient } from "../../support/foreign-xds-client.ts";
import { nodeOf, type WorkloadNode } from "./received-config.ts";

const PATH = "/apis/networking.istio.io/v1/namespaces/istio-system/serviceentries";
const WATCHER: WorkloadNode = {
	role: "sidecar",
	name: "watcher",
	namespace: "istio-system",
	ip: "10.9.9.9",
	labels: {},
};

/** Tells when istiod has seen what was written to the API so far: a ServiceEntry that is changed after it comes out as a cluster. */
export class ConfigWatch {
	readonly #api: ApiServerFixture;
	readonly #client: ForeignXdsClient;
	readonly #stream: DeltaStream;
	#entry: KubeObject | undefined;
	#round = 0;

	constructor(api: ApiServerFixture, xdsPort: number) {
		this.#api = api;
		this.#client = new ForeignXdsClient(xdsPort);
		this.#stream = this.#client.delta();
		this.#stream.send({ node: nodeOf(WATCHER), typeUrl: RESOURCE_TYPES.cluster });
	}

	async caughtUp(): Promise<void> {
		const host = `round-${++this.#round}.test`;
		await this.#put(host);
		await eventually("istiod to have seen the last object", async () => {
			const { nonce, resources } = await this.#stream.next();
			this.#stream.send({ typeUrl: RESOURCE_TYPES.cluster, responseNonce: nonce });
			return resources.some(({ name }) => name.endsWith(`|${host}`));
		});
	}

	close(): void {
		this.#stream.close();
		this.#client.close();
	}

	async #put(host: string): Promise<void> {
		const ports = [{ number: 80, name: "http", protocol: "HTTP" }];
		const spec = { hosts: [host], ports, resolution: "NONE" };
		const base = { apiVersion: "networking.istio.io/v1", kind: "ServiceEntry", metadata: { name: "round" } };
		this.#entry = this.#entry
			? await this.#api.expect("PUT", `${PATH}/round`, { ...this.#entry, spec })
			: await this.#api.expect("POST", PATH, { ...base, spec });
	}
}
