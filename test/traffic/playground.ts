import { join } from "node:path";
import { Scene, settle } from "../e2e/scene.ts";
import { eventually } from "../support/eventually.ts";
import type { TestMesh } from "../support/mesh.ts";
import { availableSources } from "../support/sources.ts";

const WORKLOADS = join(import.meta.dirname, "workloads.yaml");
const DEPLOYMENTS = ["curl", "rec-v1", "rec-v2", "echo-v1", "closed"];
const CLEARED_MS = 300;
const RULE_KINDS = "virtualservices,destinationrules,gateways,serviceentries";

/** A mesh with a few workloads in the namespace default, and rules that come and go. */
export class Playground extends Scene {
	constructor(mesh: TestMesh) {
		super(mesh, availableSources()[0]!, "default");
	}

	/** Deploys everything and waits until it answers. */
	async setUp(): Promise<void> {
		await this.mesh.kubectl.ok(["label", "namespace", "default", "istio-injection=enabled", "--overwrite"]);
		await this.apply(this.source.curl, WORKLOADS);
		await this.rolledOut(...DEPLOYMENTS);
		await this.answers("http://rec:8080/");
		await this.answers("http://echo/");
	}

	/** Applies rules given as `[kind, name, spec in YAML's flow style]` and lets them come to every proxy; answers with what kubectl warned of. */
	async rules(...rules: readonly (readonly [kind: string, name: string, spec: string])[]): Promise<string> {
		const documents = rules.map(
			([kind, name, spec]) =>
				`apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`,
		);
		const input = documents.join("---\n");
		const { code, stderr } = await this.mesh.kubectl(["apply", "-n", this.namespace, "-f", "-"], { input });
		if (code !== 0) throw new Error(`kubectl apply exited ${code}\n${stderr}\n${input}`);
		await settle();
		await this.#everyProxyHasThem();
		return stderr;
	}

	/** On a machine with much else to do, rules may take longer than the second that `settle` gives them. */
	async #everyProxyHasThem(): Promise<void> {
		const { urls } = await this.mesh.state();
		await eventually("an ACK from every proxy", async () => {
			const response = await fetch(`${urls.controlPlaneDebug}/debug/syncz`);
			const proxies = (await response.json()) as { types: Record<string, { status: string }> }[];
			return proxies.every(({ types }) => Object.values(types).every(({ status }) => status !== "STALE"));
		});
	}

	/** Takes every rule away; the tests after it only need that it is gone by the time their own rules have come. */
	async clear(): Promise<void> {
		await this.kubectl("delete", RULE_KINDS, "--all");
		await new Promise((resolve) => setTimeout(resolve, CLEARED_MS));
	}

	/** curl inside the caller's sidecar, which is where people look at its admin pages. */
	async admin(path: string, deployment = "curl"): Promise<string> {
		return this.exec(`deploy/${deployment}`, "istio-proxy", "curl", "-sS", `localhost:15000${path}`);
	}

	/** A counter of a proxy's `/stats`; 0 when it is not there. */
	async stat(name: string, deployment = "curl"): Promise<number> {
		const line = (await this.admin("/stats", deployment)).split("\n").find((l) => l.startsWith(`${name}: `));
		return line === undefined ? 0 : Number(line.slice(name.length + 2));
	}
}
