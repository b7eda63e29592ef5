import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../kinds/object.ts";
import { injectManifests } from "./inject-manifests.ts";
import { injectPod } from "./inject-pod.ts";
import { DEFAULT_INJECTION_CONFIG } from "./injection-config.ts";
import type { Container, PodSpec } from "./pod-template.ts";

const ENABLED = { name: "default", labels: { "istio-injection": "enabled" } };

const productpage = (): KubeObject => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: {
		generateName: "productpage-v1-7d9c-",
		namespace: "default",
		labels: { app: "productpage", version: "v1", "pod-template-hash": "7d9c" },
		ownerReferences: [
			{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "productpage-v1-7d9c", uid: "u", controller: true },
		],
	},
	spec: { containers: [{ name: "productpage", image: "x", ports: [{ containerPort: 9080 }] }] },
});

const inject = (pod: KubeObject) => injectPod(pod, ENABLED, DEFAULT_INJECTION_CONFIG);
const proxyOf = (pod: KubeObject): Container =>
	(pod.spec as PodSpec).containers!.find((c) => c.name === "istio-proxy")!;
const env = (container: Container) =>
	Object.fromEntries((container.env ?? []).map((e) => [e.name, e.value ?? e.valueFrom]));

test("a pod gets the proxy after its own containers, with the names that telemetry uses", () => {
	const { pod, inject: injected } = inject(productpage());
	assert.ok(injected);
	const names = (pod.spec as PodSpec).containers!.map((c) => c.name);
	assert.deepEqual(names, ["productpage", "istio-proxy"]);
	assert.equal((pod.spec as PodSpec).initContainers, undefined);
	const proxy = proxyOf(pod);
	assert.deepEqual(proxy.args, ["proxy", "sidecar"]);
	const variables = env(proxy);
	assert.equal(variables.ISTIO_META_WORKLOAD_NAME, "productpage-v1");
	assert.equal(variables.ISTIO_META_OWNER, "kubernetes://apis/apps/v1/namespaces/default/deployments/productpage-v1");
	assert.equal(variables.ISTIO_META_INTERCEPTION_MODE, "NONE");
	assert.equal(variables.ISTIO_META_APP_CONTAINERS, "productpage");
	assert.deepEqual(JSON.parse(String(variables.ISTIO_META_POD_PORTS)), [{ containerPort: 9080 }]);
	assert.deepEqual(variables.INSTANCE_IP, { fieldRef: { fieldPath: "status.podIP" } });
	assert.deepEqual(JSON.parse(String(variables.PROXY_CONFIG)), { discoveryAddress: "127.0.0.1:15010" });
	assert.equal(pod.metadata.labels?.["service.istio.io/canonical-name"], "productpage");
	assert.equal(pod.metadata.labels?.["service.istio.io/canonical-revision"], "v1");
	assert.equal(pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"], "productpage");
	assert.equal(pod.metadata.annotations?.["prometheus.io/port"], "15020");
});

test("twice is the same as once, and the pod that came in is untouched", () => {
	const original = productpage();
	const before = structuredClone(original);
	const once = inject(original).pod;
	assert.deepEqual(original, before);
	assert.deepEqual(inject(once).pod, once);
});

test("the user's own settings refine the proxy container", () => {
	const pod = productpage();
	(pod.spec as PodSpec).containers!.unshift({
		name: "istio-proxy",
		image: "auto",
		env: [{ name: "TRUST_DOMAIN", value: "x" }],
	});
	const once = inject(pod).pod;
	const proxy = proxyOf(once);
	assert.match(proxy.image ?? "", /lateen\/proxy/);
	assert.equal(env(proxy).TRUST_DOMAIN, "x");
	assert.equal((once.spec as PodSpec).containers!.length, 2);
	assert.deepEqual(inject(once).pod, once);
});

test("a gateway pod runs the proxy as router and tells no TLS mode", () => {
	const { pod } = injectPod(
		{
			apiVersion: "v1",
			kind: "Pod",
			metadata: {
				labels: { istio: "ingressgateway", "sidecar.istio.io/inject": "true" },
				annotations: { "inject.istio.io/templates": "gateway" },
			},
			spec: { containers: [{ name: "istio-proxy", image: "auto" }] },
		},
		{ name: "istio-system", labels: {} },
		DEFAULT_INJECTION_CONFIG,
	);
	assert.deepEqual(proxyOf(pod).args, ["proxy", "router"]);
	assert.equal(pod.metadata.labels?.["security.istio.io/tlsMode"], undefined);
});

test("the application's own metrics are merged, not lost", () => {
	const pod = productpage();
	pod.metadata.annotations = { "prometheus.io/scrape": "true", "prometheus.io/port": "9080" };
	const injected = inject(pod).pod;
	assert.deepEqual(JSON.parse(String(env(proxyOf(injected)).ISTIO_PROMETHEUS_ANNOTATIONS)), {
		scrape: "true",
		path: "",
		port: "9080",
	});
	assert.equal(injected.metadata.annotations?.["prometheus.io/path"], "/stats/prometheus");
});

test("annotations that ask for the impossible refuse the pod with all problems", () => {
	const pod = productpage();
	pod.metadata.annotations = {
		"sidecar.istio.io/interceptionMode": "REDIRECT",
		"traffic.sidecar.istio.io/excludeInboundPorts": "80,x",
		"proxy.istio.io/config": "[1, 2",
	};
	const result = inject(pod);
	assert.equal(result.inject, false);
	assert.deepEqual(
		result.problems.map((p) => p.path),
		[
			"metadata.annotations[sidecar.istio.io/interceptionMode]",
			"metadata.annotations[traffic.sidecar.istio.io/excludeInboundPorts]",
			"metadata.annotations[proxy.istio.io/config]",
		],
	);
});

test("the pod's ProxyConfig refines the mesh's and may put the proxy first", () => {
	const pod = productpage();
	pod.metadata.annotations = {
		"proxy.istio.io/config": "holdApplicationUntilProxyStarts: true\nproxyMetadata: { ISTIO_META_X: y }",
	};
	const injected = inject(pod).pod;
	assert.equal((injected.spec as PodSpec).containers![0]!.name, "istio-proxy");
	assert.equal(env(proxyOf(injected)).ISTIO_META_X, "y");
});

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata:
  name: customer # stays as written
spec:
  ports: [{ port: 8080, name: http }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: customer }
spec:
  replicas: 1
  template:
    metadata: { labels: { app: customer, version: v1 } }
    spec: { containers: [{ name: customer, image: c }] }
---
apiVersion: v1
kind: List
items:
- apiVersion: batch/v1
  kind: CronJob
  metadata: { name: nightly }
  spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: n, image: n }] } } } } }
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: { name: agent }
  spec: { template: { metadata: { labels: { a: b } }, spec: { hostNetwork: true, containers: [{ name: a }] } } }
`;

test("kube-inject handles several documents, lists and every workload kind", () => {
	const { text, skipped, problems } = injectManifests(MANIFESTS, {
		config: DEFAULT_INJECTION_CONFIG,
		namespace: "tutorial",
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(skipped, ["DaemonSet tutorial/agent is left as it is: the pod uses the host's network"]);
	assert.match(text, /name: customer # stays as written/);
	assert.match(text, /---\n$/);
	const [service, deployment, list] = parseAllDocuments(text).map((d) => d.toJS() as unknown) as [
		KubeObject,
		{ spec: { template: { spec: PodSpec } } },
		{
			items: [
				{ spec: { jobTemplate: { spec: { template: { spec: PodSpec } } } } },
				{ spec: { template: { spec: PodSpec } } },
			];
		},
	];
	assert.equal(service.kind, "Service");
	const proxy = deployment.spec.template.spec.containers![1]!;
	assert.equal(env(proxy).ISTIO_META_WORKLOAD_NAME, "customer");
	assert.equal(list.items[0].spec.jobTemplate.spec.template.spec.containers!.length, 2);
	assert.equal(list.items[1].spec.template.spec.containers!.length, 1);
	const again = injectManifests(text, { config: DEFAULT_INJECTION_CONFIG, namespace: "tutorial" });
	assert.equal(again.text, text);
});

test("kube-inject gives nothing for text that is not YAML", () => {
	const { text, problems } = injectManifests("kind: [", { config: DEFAULT_INJECTION_CONFIG, namespace: "x" });
	assert.equal(text, "");
	assert.equal(problems[0]?.code, "LTN1512");
});
