import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { type ApiServerFixture, startFixture } from "./fixture/api-server-fixture.ts";
import { type Kubectl, kubectlPath, openKubectl } from "./fixture/kubectl.ts";

const options = kubectlPath === undefined ? { skip: "this machine has no kubectl" } : {};
const ACCEPTANCE = new URL("../../../../shared/acceptance/", import.meta.url).pathname;

describe("kubectl", options, () => {
	let api: ApiServerFixture;
	let kubectl: Kubectl;
	before(async () => {
		api = await startFixture();
		kubectl = await openKubectl(api.folder, api.server.kubeconfig);
	});
	after(async () => {
		assert.deepEqual(api.problems, []);
		await api[Symbol.asyncDispose]();
	});

	/** Output of a command that must succeed. */
	async function ok(command: string | readonly string[], input?: string): Promise<string> {
		const { exitCode, stdout, stderr } = await kubectl(command, input);
		assert.equal(exitCode, 0, `${command}: ${stderr}`);
		return stdout.trim();
	}

	/** Error text of a command that must fail. */
	async function fails(command: string | readonly string[], input?: string): Promise<string> {
		const { exitCode, stdout, stderr } = await kubectl(command, input);
		assert.notEqual(exitCode, 0, `${command}: ${stdout}`);
		return stderr.trim();
	}

	const DEPLOYMENT = JSON.stringify({
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "web", labels: { app: "web" } },
		spec: {
			selector: { matchLabels: { app: "web" } },
			template: {
				metadata: { labels: { app: "web" } },
				spec: { containers: [{ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }] },
			},
		},
	});

	test("create namespace, configmap and secret, which come as protobuf", async () => {
		assert.equal(await ok("create namespace tutorial"), "namespace/tutorial created");
		assert.equal(await ok("create configmap c --from-literal=a=b -n tutorial"), "configmap/c created");
		assert.equal(await ok("create secret generic s --from-literal=p=q -n tutorial"), "secret/s created");
		assert.equal(await ok("get secret s -n tutorial -o jsonpath={.data.p}"), "cQ==");
		assert.equal(await ok("create deployment d --image=x -n tutorial"), "deployment.apps/d created");
		assert.match(
			await fails("create namespace tutorial"),
			/^Error from server \(AlreadyExists\): namespaces "tutorial" already exists$/,
		);
	});

	test("apply creates, changes nothing, configures; get prints the forms", async () => {
		assert.equal(await ok("apply -f -", DEPLOYMENT), "deployment.apps/web created");
		assert.equal(await ok("apply -f -", DEPLOYMENT), "deployment.apps/web unchanged");
		assert.equal(await ok("apply -f -", DEPLOYMENT.replace("web:1", "web:2")), "deployment.apps/web configured");
		assert.match(await ok("get deploy"), /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/1 +0 +0 +\d+s$/);
		assert.match(await ok("get deploy web -o wide"), /CONTAINERS +IMAGES +SELECTOR\n.* web +web:2 +app=web$/);
		assert.equal(await ok("get deploy -o name"), "deployment.apps/web");
		assert.match(await ok("get deploy web -o yaml"), /^apiVersion: apps\/v1\nkind: Deployment\n[\s\S]*image: web:2/);
		assert.equal(JSON.parse(await ok("get deploy -A -o json")).items.length, 2);
		assert.equal(await ok("get deploy -l app=nope -o name"), "");
		assert.match(await ok("get all -A"), /service\/kubernetes/);
		assert.match(await ok("get deploy -A"), /^NAMESPACE/);
	});

	test("the verbs that change", async () => {
		assert.equal(await ok("scale --replicas=2 deployment/web"), "deployment.apps/web scaled");
		assert.equal(await ok("scale --replicas=3 --current-replicas=2 deployment/web"), "deployment.apps/web scaled");
		assert.equal(await ok("get deploy web -o jsonpath={.spec.replicas}/{.metadata.generation}"), "3/4");
		assert.equal(await ok("label deploy web tier=front"), "deployment.apps/web labeled");
		assert.equal(await ok("label deploy web tier=front"), "deployment.apps/web not labeled");
		assert.equal(await ok("annotate deploy web note=x"), "deployment.apps/web annotated");
		assert.equal(await ok("set image deploy/web web=web:3"), "deployment.apps/web image updated");
		assert.equal(await ok(["patch", "deploy", "web", "-p", '{"spec":{"paused":true}}']), "deployment.apps/web patched");
		assert.equal(
			await ok(["patch", "deploy", "web", "--type=json", "-p", '[{"op":"remove","path":"/spec/paused"}]']),
			"deployment.apps/web patched",
		);
		assert.equal(await ok("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}"), "web:3");
		assert.equal(await ok("replace -f -", DEPLOYMENT), "deployment.apps/web replaced");
		assert.equal(await ok("get deploy web -o jsonpath={.spec.replicas}{.metadata.labels.tier}"), "1");
		assert.match(
			await ok("apply -f - --dry-run=server", DEPLOYMENT.replace("web:1", "web:9")),
			/configured \(server dry run\)$/,
		);
		assert.equal(await ok("delete deploy web"), 'deployment.apps "web" deleted');
		assert.equal(await fails("get deploy web"), 'Error from server (NotFound): deployments.apps "web" not found');
	});

	test("describe, events, api-resources, explain, auth, wait", async () => {
		assert.match(await ok("describe ns tutorial"), /^Name: +tutorial\n[\s\S]*Status: +Active/);
		assert.match(await ok("describe svc kubernetes"), /Endpoints: +127\.0\.0\.1:\d+/);
		assert.match(await ok("get endpoints kubernetes"), /127\.0\.0\.1:\d+/);
		assert.match(
			await ok("api-resources --api-group=networking.istio.io"),
			/virtualservices +vs +networking\.istio\.io\/v1 +true +VirtualService/,
		);
		assert.match(await ok("explain vs.spec.http"), /FIELD: http <\[\]Object>[\s\S]*\bmatch\b/);
		assert.match(await ok("explain pod.spec.containers"), /terminationMessagePath/);
		assert.equal(await ok("auth can-i create vs"), "yes");
		assert.match(await ok("auth whoami"), /lateen-admin/);
		assert.equal(
			await ok("wait --for=jsonpath={.status.phase}=Active ns/tutorial --timeout=5s"),
			"namespace/tutorial condition met",
		);
		assert.match(
			await ok("wait --for=condition=established crd/gateways.networking.istio.io --timeout=5s"),
			/condition met$/,
		);
		assert.match(await fails("wait --for=delete ns/tutorial --timeout=1s"), /timed out waiting for the condition/);
		assert.match(await ok("version"), /Server Version: v1\.32\./);
	});

	test("wrong input gets Kubernetes' own errors and changes nothing", async () => {
		const unknown = DEPLOYMENT.replace('"selector"', '"foo":1,"selector"');
		assert.match(
			await fails("apply -f -", unknown),
			/\(BadRequest\).*strict decoding error: unknown field "spec\.foo"/,
		);
		const invalid = DEPLOYMENT.replace('"matchLabels":{"app":"web"}', '"matchLabels":{"app":"other"}');
		assert.match(
			await fails("apply -f -", invalid),
			/^The Deployment "web" is invalid: [\s\S]*`selector` does not match template `labels`/,
		);
		assert.match(
			await fails("apply -f -", "kind: Foo\napiVersion: example.com/v1\nmetadata: {name: x}\n"),
			/no matches for kind "Foo" in version "example.com\/v1"\nensure CRDs are installed first/,
		);
		assert.match(await fails("create -f - -n nowhere", DEPLOYMENT), /\(NotFound\).*namespaces "nowhere" not found/);
		assert.match(await fails("apply -f -", "a: ["), /error (parsing|converting)|yaml/i);
		assert.match(
			await fails("apply --server-side -f -", DEPLOYMENT),
			/server-side apply .* is not supported by this server yet/,
		);
		assert.equal(await ok("get deploy"), "");
	});

	const VIRTUAL_SERVICE = {
		apiVersion: "networking.istio.io/v1alpha3",
		kind: "VirtualService",
		metadata: { name: "reviews" },
		spec: {
			hosts: ["reviews"],
			http: [
				{
					route: [
						{ destination: { host: "reviews", subset: "v1" }, weight: 90 },
						{ destination: { host: "reviews", subset: "v2" }, weight: 10 },
					],
				},
			],
		},
	};

	test("Istio's kinds: any version, its webhook's words, fields that are unknown", async () => {
		const text = JSON.stringify(VIRTUAL_SERVICE);
		assert.equal(await ok("create -f -", text), "virtualservice.networking.istio.io/reviews created");
		assert.match(await ok("get vs"), /^NAME +GATEWAYS +HOSTS +AGE\nreviews +\["reviews"\]/);
		assert.match(await ok("get VirtualService reviews -o yaml"), /^apiVersion: networking\.istio\.io\/v1\n/);
		assert.match(
			await ok("get virtualservices.v1alpha3.networking.istio.io reviews -o yaml"),
			/^apiVersion: networking\.istio\.io\/v1alpha3\n/,
		);
		assert.match(await ok("get istio-io -A"), /virtualservice\.networking\.istio\.io\/reviews/);
		const wrong = text.replace('"weight":90', '"weight":-1');
		assert.match(
			await fails("replace -f -", wrong),
			/admission webhook "validation\.istio\.io" denied the request: configuration is invalid: /,
		);
		assert.match(
			await fails("apply -f -", text.replace('"hosts"', '"hostz":1,"hosts"')),
			/strict decoding error: unknown field "spec\.hostz"/,
		);
		assert.equal(
			await ok("replace -f -", text.replace("90", "80").replace("10", "20")),
			"virtualservice.networking.istio.io/reviews replaced",
		);
		assert.match(await fails(["patch", "vs", "reviews", "-p", "{}"]), /strategic-merge-patch\+json is not supported/);
		assert.equal(await ok("delete vs reviews"), 'virtualservice.networking.istio.io "reviews" deleted');
		assert.match(await fails("get vs reviews"), /virtualservices\.networking\.istio\.io "reviews" not found/);
	});

	test("get -w prints each change as a row", async () => {
		const watching = kubectl("get cm -w --no-headers -l watched --request-timeout=3s");
		await ok(
			["create", "-f", "-"],
			JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "seen", labels: { watched: "" } } }),
		);
		await ok(["patch", "cm", "seen", "-p", '{"data":{"a":"b"}}']);
		const { stdout } = await watching;
		assert.match(stdout, /^seen +0 +\d+s\nseen +1 +\d+s\n$/);
	});

	test("a namespace waits for its content's controller; --wait=false comes back at once", async () => {
		assert.match(await ok("delete ns tutorial --wait=false"), /"tutorial" deleted/);
		assert.match(await ok("get ns tutorial"), /Terminating/);
		assert.match(await fails("create configmap x -n tutorial"), /because it is being terminated/);
	});
});

const withFiles = existsSync(ACCEPTANCE) ? options : { skip: "the acceptance files are not there" };

describe("kubectl with the acceptance files", withFiles, () => {
	test("applies every Istio object of 000 and the Gateway API's definitions", async () => {
		await using api = await startFixture();
		const kubectl = await openKubectl(api.folder, api.server.kubeconfig);
		await kubectl("create ns my-namespace");
		const files = (await readdir(`${ACCEPTANCE}000`)).sort();
		const applied = await kubectl(["apply", ...files.flatMap((file) => ["-f", `${ACCEPTANCE}000/${file}`])]);
		assert.equal(applied.exitCode, 0, applied.stderr);
		const crds = await kubectl(["apply", "-k", `${ACCEPTANCE}004/gateway-api-v1.2.0/config/crd`]);
		assert.equal(crds.exitCode, 0, crds.stderr);
		assert.match(crds.stderr, /x-kubernetes-validations \(CEL rules\) are kept but not evaluated/);
		const wait = await kubectl("wait --for=condition=established crd/gateways.gateway.networking.k8s.io --timeout=5s");
		assert.equal(wait.exitCode, 0, wait.stderr);
		const gateway = `${ACCEPTANCE}004/istio-1.24.1/samples/bookinfo/gateway-api/bookinfo-gateway.yaml`;
		assert.equal((await kubectl(["apply", "-f", gateway])).exitCode, 0);
		const annotate = "annotate gateway bookinfo-gateway networking.istio.io/service-type=ClusterIP --namespace=default";
		assert.equal(
			(await kubectl(annotate)).stdout.trim(),
			"gateway.gateway.networking.k8s.io/bookinfo-gateway annotated",
		);
		assert.match(
			(await kubectl("get gateway")).stdout,
			/^NAME +CLASS +ADDRESS +PROGRAMMED +AGE\nbookinfo-gateway +istio/,
		);
		const exported = `${ACCEPTANCE}003/01-kiali-virtualservice-as-read.yaml`;
		// kubectl takes the exported resourceVersion out before it creates, and sends it when it applies.
		assert.equal((await kubectl(["create", "-f", exported])).exitCode, 0);
		const stale = await kubectl(["apply", "-f", exported]);
		assert.match(stale.stderr, /\(Conflict\)|Operation cannot be fulfilled/);
		const edited = await kubectl(["apply", "-f", `${ACCEPTANCE}003/02-virtualservice-safe-risky-90-10.yaml`]);
		assert.equal(edited.exitCode, 0, edited.stderr);
		assert.deepEqual(api.problems, []);
	});
});
