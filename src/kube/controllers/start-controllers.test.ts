import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../kinds/object.ts";
import { addressPlan } from "../../lib/address-plan.ts";
import { systemClock } from "../../lib/clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { createKubeClient } from "../client/create-kube-client.ts";
import { silentLog } from "../client/log.ts";
import { conditionOf, type Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { EndpointSlice, Endpoints, Namespace, Service } from "../client/service.ts";
import { type FakeApiServer, startFakeApiServer } from "../client/testing/fake-api-server.ts";
import type { Deployment, ReplicaSet } from "../client/workloads.ts";
import { startControllers } from "./start-controllers.ts";

interface Cluster {
	readonly server: FakeApiServer;
	readonly client: ReturnType<typeof createKubeClient>;
	/** What the pretended kubelet makes of a pod; the default is: ready at once. */
	kubelet: (pod: Pod) => Partial<Pod["status"]> | undefined;
}

/** Controllers against the fake server, with a node on which pods run by being said to. */
async function withCluster(run: (cluster: Cluster) => Promise<void>) {
	const server = await startFakeApiServer();
	const client = createKubeClient({ server: server.url, userAgent: "controllers-test" });
	const clock = systemClock;
	const plan = addressPlan(77);
	const cluster: Cluster = { server, client, kubelet: () => ({}) };
	let address = 0;
	const pods = client.informer<Pod>(RESOURCES.pods);
	pods.onChange(({ type, object: pod }) => {
		if (type === "deleted" || pod.spec.nodeName === undefined) return;
		const { name = "", namespace } = pod.metadata;
		if (pod.metadata.deletionTimestamp !== undefined)
			return void client.delete(RESOURCES.pods, name, { namespace, gracePeriodSeconds: 0 }).catch(() => undefined);
		const extra = cluster.kubelet(pod);
		if (extra === undefined || pod.status?.phase !== undefined) return;
		const ready = { type: "Ready", status: "True", lastTransitionTime: new Date(1_700_000_000_000).toISOString() };
		const status = { ...pod.status, phase: "Running", podIP: plan.podIp(address++), conditions: [ready], ...extra };
		server.put("pods", { ...pod, status });
	});
	server.put("nodes", {
		metadata: { name: "here" },
		kind: "Node",
		status: { conditions: [{ type: "Ready", status: "True" }] },
	});
	const controllers = startControllers({
		client,
		clock,
		random: seededRandom(1),
		addressPlan: plan,
		logger: silentLog,
		caPem: "CA",
	});
	pods.start();
	try {
		await controllers.synced;
		await run(cluster);
	} finally {
		await controllers.stop();
		client.close();
		await server.close();
	}
}

function deployment(name: string, replicas: number, spec: object = {}): Deployment {
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name, namespace: "default" },
		spec: {
			replicas,
			selector: { matchLabels: { app: name } },
			template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "app", image: "v1" }] } },
			...spec,
		},
	};
}

const conditionIn = (object: KubeObject | undefined, type: string) =>
	conditionOf(object as { status?: { conditions?: [] } }, type);

function rolledOut({ server }: Cluster, name: string, replicas: number): Promise<Deployment> {
	return server.until(() => {
		const found = server.get("deployments", name, "default") as Deployment | undefined;
		const { availableReplicas = 0, updatedReplicas = 0, replicas: all = 0 } = found?.status ?? {};
		const isDone = found?.status?.observedGeneration === found?.metadata.generation;
		const counts = [availableReplicas, updatedReplicas, all];
		return isDone && counts.every((count) => count === replicas) ? found : undefined;
	}, `${name} rolled out`);
}

const setsOf = ({ server }: Cluster) => server.all("replicasets") as ReplicaSet[];
const podsOf = ({ server }: Cluster) => server.all("pods") as Pod[];

test("a Deployment becomes a ReplicaSet, pods on the node, a status and events", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		await client.create(RESOURCES.deployments, deployment("web", 3));
		const done = await rolledOut(cluster, "web", 3);
		const [set] = setsOf(cluster);
		assert.match(set?.metadata.name ?? "", /^web-[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
		assert.equal(set?.metadata.labels?.["pod-template-hash"], set?.metadata.name?.slice(4));
		assert.equal(set?.metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
		for (const pod of podsOf(cluster)) {
			assert.match(pod.metadata.name ?? "", new RegExp(`^${set?.metadata.name}-[bcdfghjklmnpqrstvwxz2456789]{5}$`));
			assert.equal(pod.spec.nodeName, "here");
			assert.equal(pod.metadata.ownerReferences?.[0]?.uid, set?.metadata.uid);
		}
		assert.equal(podsOf(cluster).length, 3);
		assert.equal(conditionIn(done, "Available")?.reason, "MinimumReplicasAvailable");
		assert.equal(conditionIn(done, "Progressing")?.reason, "NewReplicaSetAvailable");
		const message = `Scaled up replica set ${set?.metadata.name} from 0 to 3`;
		await server.until(() => server.all("events").find((event) => event.message === message), "the event");
		await server.until(() => server.all("events").find((event) => event.reason === "Scheduled"), "the event");
	}));

test("a rolling update keeps enough pods available and goes back to an old ReplicaSet by its template", () =>
	withCluster(async (cluster) => {
		const { client } = cluster;
		const created = await client.create(RESOURCES.deployments, deployment("web", 4));
		await rolledOut(cluster, "web", 4);
		const first = setsOf(cluster)[0]?.metadata.name;
		let fewest = 4;
		const informer = client.informer<Pod>(RESOURCES.pods);
		informer.onChange(() => {
			fewest = Math.min(fewest, informer.list().filter((pod) => conditionOf(pod, "Ready")).length || 4);
		});
		informer.start();
		await informer.synced;
		const image = (tag: string) => ({
			spec: { template: { spec: { containers: [{ name: "app", image: tag }] } } },
		});
		await client.patch(RESOURCES.deployments, "web", image("v2"), { namespace: "default" });
		const done = await rolledOut(cluster, "web", 4);
		assert.ok(fewest >= 3, `at least 3 of 4 pods stayed ready (${fewest})`);
		assert.equal(done.metadata.annotations?.["deployment.kubernetes.io/revision"], "2");
		assert.equal(setsOf(cluster).length, 2);
		await client.patch(RESOURCES.deployments, "web", image("v1"), { namespace: "default" });
		const back = await rolledOut(cluster, "web", 4);
		assert.equal(back.metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
		const active = setsOf(cluster).filter((set) => set.spec.replicas === 4);
		assert.deepEqual([active.map((set) => set.metadata.name), setsOf(cluster).length], [[first], 2]);
		assert.equal(active[0]?.metadata.annotations?.["deployment.kubernetes.io/revision-history"], "1");
		assert.ok(created.metadata.uid);
	}));

test("a rollout whose pods never get ready stops with the old pods in place", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		await client.create(RESOURCES.deployments, deployment("web", 4, { progressDeadlineSeconds: 1 }));
		await rolledOut(cluster, "web", 4);
		cluster.kubelet = () => undefined;
		const patch = { spec: { template: { spec: { containers: [{ name: "app", image: "broken" }] } } } };
		await client.patch(RESOURCES.deployments, "web", patch, { namespace: "default" });
		const ready = () => podsOf(cluster).filter((pod) => conditionOf(pod, "Ready")?.status === "True").length;
		// Times of conditions are whole seconds: a deadline of one second may come at once, so the pods are waited for by themselves.
		await server.until(() => (ready() === 3 ? true : undefined), "one of four to go");
		await server.until(() => {
			const found = server.get("deployments", "web", "default");
			return conditionIn(found, "Progressing")?.reason === "ProgressDeadlineExceeded" ? found : undefined;
		}, "the deadline");
		assert.equal(ready(), 3, "25 % of 4 may be missing");
	}));

test("scaling goes to the ReplicaSet, Recreate waits until the old pods are gone, pause holds a change back", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		await client.create(RESOURCES.deployments, deployment("web", 1, { strategy: { type: "Recreate" } }));
		await rolledOut(cluster, "web", 1);
		const set = async (patch: object) => client.patch(RESOURCES.deployments, "web", patch, { namespace: "default" });
		await set({ spec: { replicas: 3 } });
		await rolledOut(cluster, "web", 3);
		assert.equal(setsOf(cluster).length, 1);
		await set({ spec: { paused: true, template: { spec: { containers: [{ name: "app", image: "v2" }] } } } });
		await server.until(() => {
			const { generation } = server.get("deployments", "web", "default")?.metadata ?? {};
			const { status } = server.get("deployments", "web", "default") as Deployment;
			return status?.observedGeneration === generation ? true : undefined;
		}, "the pause was seen");
		assert.equal(setsOf(cluster).length, 1, "no new ReplicaSet while paused");
		let images = new Set<string>();
		cluster.kubelet = () => {
			const living = podsOf(cluster).filter((pod) => pod.metadata.deletionTimestamp === undefined);
			images = new Set([...images, ...new Set(living.map((pod) => pod.spec.containers[0]?.image ?? "")).values()]);
			assert.ok(new Set(living.map((pod) => pod.spec.containers[0]?.image)).size <= 1, "never two versions at once");
			return {};
		};
		await set({ spec: { paused: false } });
		await rolledOut(cluster, "web", 3);
		assert.ok(images.has("v2"));
	}));

test("two Deployments with overlapping selectors keep to their own pods", () =>
	withCluster(async (cluster) => {
		const same = { selector: { matchLabels: { app: "x" } } };
		const template = (version: string) => ({
			metadata: { labels: { app: "x" } },
			spec: { containers: [{ name: "app", image: version }] },
		});
		const { client } = cluster;
		await client.create(RESOURCES.deployments, deployment("a", 1, { ...same, template: template("v1") }));
		await client.create(RESOURCES.deployments, deployment("b", 2, { ...same, template: template("v2") }));
		await rolledOut(cluster, "a", 1);
		await rolledOut(cluster, "b", 2);
		assert.equal(podsOf(cluster).length, 3);
	}));

test("deleting a Deployment deletes what it owns, in the background or first", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		for (const propagationPolicy of ["Background", "Foreground"] as const) {
			await client.create(RESOURCES.deployments, deployment("web", 2));
			await rolledOut(cluster, "web", 2);
			await client.delete(RESOURCES.deployments, "web", { namespace: "default", propagationPolicy });
			await server.until(() => {
				const left = [...podsOf(cluster), ...setsOf(cluster), ...server.all("deployments")];
				return left.length === 0 ? true : undefined;
			}, `nothing left (${propagationPolicy})`);
		}
	}));

test("orphans stay and lose their owner", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		await client.create(RESOURCES.deployments, deployment("web", 1));
		await rolledOut(cluster, "web", 1);
		await client.delete(RESOURCES.deployments, "web", { namespace: "default", propagationPolicy: "Orphan" });
		await server.until(() => (server.all("deployments").length === 0 ? true : undefined), "the Deployment is gone");
		assert.deepEqual(setsOf(cluster)[0]?.metadata.ownerReferences, []);
		assert.equal(podsOf(cluster).length, 1);
	}));

test("a Service gets slices and Endpoints of its pods, by named port, and a LoadBalancer address", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		const containers = [{ name: "app", image: "v1", ports: [{ name: "http", containerPort: 9080 }] }];
		const template = { metadata: { labels: { app: "web" } }, spec: { containers } };
		await client.create(RESOURCES.deployments, deployment("web", 2, { template }));
		const service: Service = {
			apiVersion: "v1",
			kind: "Service",
			metadata: { name: "web", namespace: "default", labels: { team: "a" } },
			spec: { type: "LoadBalancer", selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
		};
		await client.create(RESOURCES.services, service);
		const slice = await server.until(() => {
			const found = server.all("endpointslices")[0] as EndpointSlice | undefined;
			const ready = found?.endpoints?.filter((endpoint) => endpoint.conditions.ready) ?? [];
			return ready.length === 2 ? found : undefined;
		}, "two ready endpoints");
		assert.match(slice.metadata.name ?? "", /^web-[a-z0-9]{5}$/);
		assert.deepEqual(slice.metadata.labels, {
			team: "a",
			"kubernetes.io/service-name": "web",
			"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
		});
		assert.deepEqual(slice.ports, [{ name: "http", port: 9080, protocol: "TCP" }]);
		assert.equal(slice.endpoints?.[0]?.targetRef?.kind, "Pod");
		const endpoints = await server.until(() => {
			const found = server.get("endpoints", "web", "default") as Endpoints | undefined;
			return found?.subsets?.[0]?.addresses?.length === 2 ? found : undefined;
		}, "Endpoints");
		assert.deepEqual(endpoints.subsets?.[0]?.ports, [{ name: "http", port: 9080, protocol: "TCP" }]);
		const withAddress = await server.until(() => {
			const found = server.get("services", "web", "default") as Service;
			return found.status?.loadBalancer?.ingress ? found : undefined;
		}, "an address");
		assert.equal(withAddress.status?.loadBalancer?.ingress?.[0]?.ip, "127.77.192.1");
		await client.create(RESOURCES.services, { ...service, metadata: { name: "other", namespace: "default" } });
		await server.until(() => {
			const found = server.get("services", "other", "default") as Service;
			return found.status?.loadBalancer?.ingress?.[0]?.ip === "127.77.192.2" ? true : undefined;
		}, "the next address");
		await client.delete(RESOURCES.services, "web", { namespace: "default" });
		await server.until(() => {
			const slices = server
				.all("endpointslices")
				.filter((s) => s.metadata.labels?.["kubernetes.io/service-name"] === "web");
			return slices.length === 0 && !server.get("endpoints", "web", "default") ? true : undefined;
		}, "slices and Endpoints go with the Service");
	}));

test("a namespace gets its ServiceAccount and root certificate, and is emptied when it is deleted", () =>
	withCluster(async (cluster) => {
		const { client, server } = cluster;
		server.put("namespaces", { kind: "Namespace", metadata: { name: "shop" }, spec: { finalizers: ["kubernetes"] } });
		await server.until(() => server.get("serviceaccounts", "default", "shop"), "the ServiceAccount");
		const bundle = await server.until(() => server.get("configmaps", "kube-root-ca.crt", "shop"), "the certificate");
		assert.deepEqual(bundle.data, { "ca.crt": "CA" });
		await client.create(RESOURCES.configMaps, {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name: "held", namespace: "shop", finalizers: ["example.com/hold"] },
		});
		await client.delete(RESOURCES.namespaces, "shop");
		const held = await server.until(() => {
			const found = server.get("namespaces", "shop") as Namespace | undefined;
			return conditionIn(found, "NamespaceFinalizersRemaining")?.status === "True" ? found : undefined;
		}, "the condition that names the finalizer");
		const message = conditionIn(held, "NamespaceFinalizersRemaining")?.message;
		assert.match(message ?? "", /example\.com\/hold in 1 instance/);
		await client.patch(RESOURCES.configMaps, "held", { metadata: { finalizers: [] } }, { namespace: "shop" });
		await server.until(() => (server.get("namespaces", "shop") ? undefined : true), "the namespace is gone");
		assert.equal(server.all("configmaps").filter(({ metadata }) => metadata.namespace === "shop").length, 0);
	}));

test("a pod that fits no node says why, and is bound when one does", () =>
	withCluster(async ({ client, server }) => {
		const pod: Pod = {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: "picky", namespace: "default" },
			spec: { containers: [{ name: "app" }], nodeSelector: { disk: "ssd" } },
		};
		await client.create(RESOURCES.pods, pod);
		const found = await server.until(() => {
			const seen = server.get("pods", "picky", "default") as Pod;
			return conditionOf(seen, "PodScheduled") ? seen : undefined;
		}, "the condition");
		assert.equal(
			conditionOf(found, "PodScheduled")?.message,
			"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
		);
		await client.patch(RESOURCES.nodes, "here", { metadata: { labels: { disk: "ssd" } } });
		await server.until(() => {
			const seen = server.get("pods", "picky", "default") as Pod;
			return seen.spec.nodeName === "here" ? true : undefined;
		}, "the binding");
	}));
