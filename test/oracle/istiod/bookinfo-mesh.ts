import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "../../../src/kinds/object.ts";
import type { AddressPlan } from "../../../src/lib/address-plan.ts";
import { istioPath, istioSource } from "../../../tools/oracle/build-istiod.ts";
import { eventually } from "../../support/eventually.ts";
import { applyObjects, readObjects } from "./apply.ts";
import { ConfigWatch } from "./config-watch.ts";
import { type MeshParts, type MeshPod, type MeshPodOptions, startMeshPod } from "./mesh-pod.ts";
import { PodNetwork } from "./pod-network.ts";
import { type Istiod, startIstiod } from "./start-istiod.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SAMPLES = join(ROOT, "samples/bookinfo");
const HTTP = [{ name: "http", port: 9080 }];
/** As Istio's charts make it: the gateway may read certificates. */
const INGRESS_ROLE = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ingress-sds, namespace: istio-system }
rules: [{ apiGroups: [""], resources: [secrets], verbs: [get, watch, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: ingress-sds, namespace: istio-system }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ingress-sds }
subjects: [{ kind: ServiceAccount, name: ingress, namespace: istio-system }]`;
const INGRESS: KubeObject = {
	apiVersion: "v1",
	kind: "Service",
	metadata: { name: "istio-ingressgateway", namespace: "istio-system" },
	spec: { selector: { istio: "ingressgateway" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
} as KubeObject;

/** Bookinfo with a gateway: istiod, its agents and Lateen's proxies in network namespaces. */
export interface BookinfoMesh extends AsyncDisposable {
	readonly istiod: Istiod;
	readonly pods: Readonly<Record<"gateway" | "productpage" | "reviews" | "ratings" | "outside", MeshPod>>;
	/** Address of a Service in namespace default. */
	serviceIp(name: string): Promise<string>;
	/** Applies rules; resolves when istiod has sent what follows from them, and every proxy has answered. */
	apply(yaml: string): Promise<void>;
	/** What the proxies said no to, in istiod's words. */
	refusals(): readonly string[];
}

/** Starts it; inside a network namespace of the caller's own. */
export async function startBookinfoMesh(): Promise<BookinfoMesh> {
	const network = new PodNetwork();
	const folder = await mkdtemp(join(tmpdir(), "lateen-bookinfo-"));
	const meshConfig = {
		accessLogFile: "/dev/stdout",
		defaultProviders: { metrics: ["prometheus"] },
		defaultConfig: { tracing: { sampling: 0 } },
		extensionProviders: [{ name: "zipkin", zipkin: { service: "zipkin.default.svc.cluster.local", port: 9411 } }],
	};
	const istiod = await startIstiod(istioPath(), { bind: "0.0.0.0", addressPlan: ADDRESSES, meshConfig });
	const source = await istioSource();
	if (source === undefined) throw new Error("Istio's source is not in Go's module cache");
	const proxy = join(folder, "envoy");
	await writeFile(proxy, launcher(), { mode: 0o755 });
	const rootCert = await rootOf(istiod);
	const parts: MeshParts = { network, istiod, program: istioPath(), source, proxy, folder, rootCert };
	await applyObjects(istiod.api, [
		...readObjects(INGRESS_ROLE),
		...(await services()),
		INGRESS,
		...(await sample("networking/bookinfo-gateway.yaml")),
	]);
	const serviceIp = async (name: string) => {
		const service = await istiod.api.expect("GET", `/api/v1/namespaces/default/services/${name}`);
		return (service as unknown as { spec: { clusterIP: string } }).spec.clusterIP;
	};
	const pods = await startPods(parts);
	await startApplications(pods, serviceIp);
	const watch = new ConfigWatch(istiod.api, istiod.xdsPort);
	return {
		istiod,
		pods,
		serviceIp,
		async apply(yaml) {
			const { refused } = await applyObjects(istiod.api, readObjects(yaml));
			if (refused.length > 0) throw new Error(refused.join("\n"));
			await watch.caughtUp();
			await eventually("the proxies' answers", async () => isInSync((await istiod.debug("syncz")) as SyncStatus[]));
		},
		refusals: () =>
			istiod
				.log()
				.split("\n")
				.filter((line) => line.includes("ACK ERROR")),
		async [Symbol.asyncDispose]() {
			watch.close();
			for (const pod of Object.values(pods)) pod.close();
			network.close();
			await istiod[Symbol.asyncDispose]();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

type SyncStatus = Readonly<Record<string, string>>;

/** Nonces that were sent are those that were answered. */
function isInSync(proxies: readonly SyncStatus[]): boolean {
	return proxies.every((proxy) =>
		["cluster", "listener", "route", "endpoint"].every((type) => proxy[`${type}_sent`] === proxy[`${type}_acked`]),
	);
}

/** Addresses that are not loopback: connections to those are not redirected. */
const ADDRESSES: AddressPlan = {
	block: 96,
	nodeIp: "10.96.0.2",
	kubernetesServiceIp: "10.96.0.1",
	podIp: (index) => `10.96.1.${index + 1}`,
	serviceIp: (index) => `10.96.2.${index + 1}`,
	loadBalancerIp: (index) => `10.96.3.${index + 1}`,
	appIp: (podIp) => podIp,
	contains: (ip) => ip.startsWith("10.96."),
};

/** Istio's agent starts Envoy by a path; this is Lateen's proxy under one. */
function launcher(): string {
	const entry = new URL("../../../src/app/proxy.ts", import.meta.url).href;
	const program = `import("${entry}").then((m) => m.runProxy(process.argv.slice(1)))`;
	return `#!/bin/sh\nexec ${process.execPath} -e '${program}' -- "$@"\n`;
}

function rootOf({ api }: Istiod): Promise<string> {
	const path = "/api/v1/namespaces/default/configmaps/istio-ca-root-cert";
	return eventually("istiod's root certificate", async () => {
		const { json } = await api.send("GET", path);
		return (json as { data?: Record<string, string> }).data?.["root-cert.pem"];
	});
}

const sample = async (name: string) => readObjects(await readFile(join(SAMPLES, name), "utf8"));
const services = async () => (await sample("platform/kube/bookinfo.yaml")).filter(({ kind }) => kind === "Service");

async function startPods(parts: MeshParts): Promise<BookinfoMesh["pods"]> {
	const workload = (app: string, version: string): MeshPodOptions => ({
		name: `${app}-${version}`,
		labels: { app, version },
		services: { [app]: HTTP },
	});
	const ingress: MeshPodOptions = {
		name: "ingress",
		namespace: "istio-system",
		role: "router",
		labels: { app: "istio-ingressgateway", istio: "ingressgateway" },
		services: { "istio-ingressgateway": [{ name: "http", port: 8080 }] },
	};
	const [gateway, productpage, reviews, ratings, outside] = await Promise.all([
		startMeshPod(parts, ingress),
		startMeshPod(parts, workload("productpage", "v1")),
		startMeshPod(parts, workload("reviews", "v3")),
		startMeshPod(parts, workload("ratings", "v1")),
		startMeshPod(parts, { name: "outside", labels: { app: "outside" }, bare: true }),
	] as const);
	return { gateway, productpage, reviews, ratings, outside };
}

async function startApplications(
	{ productpage, reviews, ratings }: BookinfoMesh["pods"],
	serviceIp: (name: string) => Promise<string>,
): Promise<void> {
	const env: Record<string, string | undefined> = { PATH: process.env.PATH };
	for (const name of ["details", "reviews", "ratings"]) env[`${name.toUpperCase()}_HOSTNAME`] = await serviceIp(name);
	const start = (pod: MeshPod, app: string, more: Record<string, string> = {}) =>
		pod.start([process.execPath, join(ROOT, "src/apps/main.mjs"), app], { env: { ...env, ...more } });
	start(productpage, "productpage");
	start(reviews, "reviews", { ENABLE_RATINGS: "true", STAR_COLOR: "red" });
	start(ratings, "ratings");
	for (const pod of [productpage, reviews, ratings])
		await eventually(`${pod.name}'s application`, () => pod.log().includes("listens on port 9080"), 15_000);
}
