import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parseAllDocuments, stringify } from "yaml";
import { eventually } from "../support/eventually.ts";
import { type Answer, type Load, loadFromOutside, loadInMesh } from "../support/load.ts";
import type { TestMesh } from "../support/mesh.ts";
import type { Source } from "../support/sources.ts";

/** A rule steers every new request this long after its `kubectl apply` returned (issue: within 1 s). */
export const RULE_MS = 1000;
const READY_MS = 60_000;

/** A Kubernetes object, loosely, for edits of manifests. */
export interface Manifest {
	readonly kind: string;
	readonly metadata: { readonly name: string };
	readonly spec: { http: { route: { weight?: number }[]; [field: string]: unknown }[] };
}

/** What a scenario does to its mesh: apply, wait, send, clean up. */
export class Scene {
	readonly mesh: TestMesh;
	readonly source: Source;
	readonly namespace: string;

	constructor(mesh: TestMesh, source: Source, namespace: string) {
		this.mesh = mesh;
		this.source = source;
		this.namespace = namespace;
	}

	/** kubectl in this scene's namespace; throws unless it succeeds. */
	kubectl(...args: string[]): Promise<string> {
		return this.mesh.kubectl.ok(["-n", this.namespace, ...args]);
	}

	async apply(...files: string[]): Promise<string> {
		return this.kubectl("apply", ...files.flatMap((file) => ["-f", file]));
	}

	/** Applies rules and lets the time pass in which they must have come to every proxy. */
	async applyRules(...files: string[]): Promise<void> {
		await this.apply(...files);
		await settle();
	}

	/** Applies the file's objects after an edit. */
	async applyEdited(file: string, edit: (manifest: Manifest) => void): Promise<void> {
		const documents = parseAllDocuments(await readFile(file, "utf8")).map(
			(document) => document.toJS() as Manifest | null,
		);
		const manifests = documents.filter((manifest) => manifest !== null);
		for (const manifest of manifests) edit(manifest);
		const input = manifests.map((manifest) => stringify(manifest)).join("---\n");
		await this.mesh.kubectl.ok(["apply", "-n", this.namespace, "-f", "-"], { input });
		await settle();
	}

	async delete(...files: string[]): Promise<void> {
		await this.kubectl("delete", "--ignore-not-found", "--wait=false", ...files.flatMap((file) => ["-f", file]));
	}

	/** Waits until every Deployment is rolled out. */
	async rolledOut(...deployments: string[]): Promise<void> {
		for (const deployment of deployments)
			await this.mesh.kubectl.ok(
				["rollout", "status", `deploy/${deployment}`, "-n", this.namespace, `--timeout=${READY_MS / 1000}s`],
				{ timeoutMs: READY_MS + 10_000 },
			);
	}

	/** Sends from the pod `deploy/curl` of this namespace. */
	load(url: string, load: Load = {}): Promise<Answer[]> {
		return loadInMesh(this.mesh, this.namespace, url, load);
	}

	/** Sends from outside by the ingress gateway. */
	async loadGateway(path: string, load: Load = {}): Promise<Answer[]> {
		return loadFromOutside(`${await gatewayUrl(this.mesh)}${path}`, load);
	}

	/** Waits until one request in the mesh is answered with this status: pods are ready, and the caller's proxy knows them. */
	async answers(url: string, status = 200): Promise<void> {
		await eventually(
			`${status} from ${url}`,
			async () => (await this.load(url).catch(() => []))[0]?.status === status,
			READY_MS,
		);
	}

	async gatewayAnswers(path: string, status = 200): Promise<void> {
		await eventually(
			`${status} from the gateway for ${path}`,
			async () => (await this.loadGateway(path).catch(() => []))[0]?.status === status,
			READY_MS,
		);
	}

	/** Names of the pods that a selector finds and that are not on their way out. */
	async pods(selector: string): Promise<string[]> {
		const list = JSON.parse(await this.kubectl("get", "pods", "-l", selector, "-o", "json")) as {
			items: { metadata: { name: string; deletionTimestamp?: string } }[];
		};
		return list.items.filter((pod) => !pod.metadata.deletionTimestamp).map((pod) => pod.metadata.name);
	}

	/** Runs a command in a pod's container. */
	exec(pod: string, container: string, ...command: string[]): Promise<string> {
		return this.kubectl("exec", pod, "-c", container, "--", ...command);
	}
}

/** The time that a rule may take, no more. */
export function settle(): Promise<void> {
	return new Promise((resolve) => {
		setTimeout(resolve, RULE_MS);
	});
}

/** `http://<address>:<port>` of port 80 of the ingress gateway, as a user finds it. */
export async function gatewayUrl(mesh: TestMesh): Promise<string> {
	const service = JSON.parse(
		await mesh.kubectl.ok(["get", "service/istio-ingressgateway", "-n", "istio-system", "-o", "json"]),
	) as {
		metadata: { annotations?: Record<string, string> };
		status: { loadBalancer: { ingress?: { ip: string }[] } };
	};
	const ip = service.status.loadBalancer.ingress?.[0]?.ip;
	assert.ok(ip, "the gateway's Service has an external address");
	const opened = service.metadata.annotations?.["lateen.dev/opened-ports"]?.split(",").find((p) => p.startsWith("80:"));
	return `http://${ip}:${opened?.split(":")[1] ?? "80"}`;
}
