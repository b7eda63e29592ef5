import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";

const PODS = "/api/v1/namespaces/default/pods";
const SERVICES = "/api/v1/namespaces/default/services";
const CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses";
const MERGE = { "content-type": "application/merge-patch+json" };

const pod = (name: string, spec: object = {}) => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name },
	spec: { containers: [{ name: "c", image: "x" }], ...spec },
});

describe("what the server adds, drops and refuses", () => {
	let api: ApiServerFixture;
	before(async () => {
		api = await startFixture();
	});
	after(async () => {
		assert.deepEqual(api.problems, []);
		await api[Symbol.asyncDispose]();
	});

	const specOf = async (name: string, spec: object = {}) =>
		(await api.expect("POST", PODS, pod(name, spec))).spec as Record<string, unknown>;

	test("a pod gets a priority and the usual tolerations", async () => {
		const { priority, preemptionPolicy, priorityClassName, tolerations } = await specOf("plain");
		assert.deepEqual([priority, preemptionPolicy, priorityClassName], [0, "PreemptLowerPriority", undefined]);
		const added = { operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 };
		assert.deepEqual(tolerations, [
			{ key: "node.kubernetes.io/not-ready", ...added },
			{ key: "node.kubernetes.io/unreachable", ...added },
		]);
		const own = { tolerations: [{ operator: "Exists" }] };
		assert.deepEqual((await specOf("tolerant", own)).tolerations, own.tolerations);
	});

	test("a pod's class must be there and decides", async () => {
		const critical = await specOf("critical", { priorityClassName: "system-node-critical" });
		assert.equal(critical.priority, 2_000_001_000);
		const unknown = await api.send("POST", PODS, pod("p", { priorityClassName: "nope" }));
		assert.equal(unknown.code, 403);
		assert.equal(unknown.json.message, 'pods "p" is forbidden: no PriorityClass with name nope was found');
		assert.equal((await api.send("POST", PODS, pod("p", { priority: 7 }))).code, 403);
		await api.expect("POST", CLASSES, {
			apiVersion: "scheduling.k8s.io/v1",
			kind: "PriorityClass",
			metadata: { name: "usual" },
			value: 5,
			globalDefault: true,
		});
		const usual = await specOf("usual");
		assert.deepEqual([usual.priority, usual.priorityClassName], [5, "usual"]);
	});

	test("a Service that changes its type loses what the new type does not have", async () => {
		const spec = { type: "NodePort", ports: [{ port: 80 }] };
		await api.expect("POST", SERVICES, { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec });
		const become = async (change: object) =>
			(await api.expect("PATCH", `${SERVICES}/s`, { spec: change }, MERGE)).spec as Record<string, unknown>;
		const inside = await become({ type: "ClusterIP" });
		assert.equal("externalTrafficPolicy" in inside, false);
		assert.equal("nodePort" in (inside.ports as object[])[0]!, false);
		const alias = await become({ type: "ExternalName", externalName: "x.y" });
		assert.deepEqual(alias, {
			type: "ExternalName",
			externalName: "x.y",
			ports: [{ port: 80, targetPort: 80, protocol: "TCP" }],
			sessionAffinity: "None",
		});
	});

	test("node ports are given out from a random one on", async () => {
		await using other = await startFixture({ random: { below: () => 7, unit: () => 0.5 } });
		const spec = {
			type: "NodePort",
			ports: [
				{ name: "a", port: 80 },
				{ name: "b", port: 81 },
			],
		};
		const made = await other.expect("POST", SERVICES, {
			apiVersion: "v1",
			kind: "Service",
			metadata: { name: "s" },
			spec,
		});
		const { ports } = made.spec as { ports: { nodePort: number }[] };
		assert.deepEqual(
			ports.map(({ nodePort }) => nodePort),
			[30_007, 30_008],
		);
	});

	test("a JSON patch that does not fit is refused with the reason", async () => {
		const patch = async (...operations: object[]) => {
			const answer = await api.send("PATCH", `${PODS}/plain`, operations, {
				"content-type": "application/json-patch+json",
			});
			assert.equal(answer.code, 422);
			return answer.json.message?.split("in our request: ")[1];
		};
		const missing = { op: "remove", path: "/metadata/labels/q" };
		assert.equal(await patch(missing), "remove operation at /metadata/labels/q: there is nothing at this path");
		const other = { op: "test", path: "/metadata/name", value: "x" };
		assert.equal(await patch(other), "test operation at /metadata/name: the value is another one");
	});

	test("a uid cannot be patched, and in a PUT it is a precondition", async () => {
		const patched = await api.send("PATCH", `${PODS}/plain`, { metadata: { uid: "x" } }, MERGE);
		assert.equal(patched.code, 422);
		assert.match(patched.json.message ?? "", /metadata.uid: Invalid value: "x": field is immutable$/);
		const live = await api.expect("GET", `${PODS}/plain`);
		const put = await api.send("PUT", `${PODS}/plain`, { ...live, metadata: { ...live.metadata, uid: "x" } });
		assert.equal(put.code, 409);
	});

	test("a Scale has its own table", async () => {
		const sets = "/apis/apps/v1/namespaces/default/replicasets";
		const labels = { app: "x" };
		const template = { metadata: { labels }, spec: pod("x").spec };
		const spec = { replicas: 2, selector: { matchLabels: labels }, template };
		await api.expect("POST", sets, { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "r" }, spec });
		const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
		const { json } = await api.send("GET", `${sets}/r/scale`, undefined, { accept });
		const { columnDefinitions, rows } = json as unknown as {
			columnDefinitions: { name: string }[];
			rows: { cells: unknown[] }[];
		};
		assert.deepEqual(
			columnDefinitions.map(({ name }) => name),
			["Name", "Desired", "Available", "Age"],
		);
		assert.deepEqual(rows[0]?.cells.slice(0, 3), ["r", 2, 0]);
	});

	test("acting as somebody else is refused by name", async () => {
		const refused = await api.send("GET", PODS, undefined, { "impersonate-user": "bob" });
		assert.equal(refused.code, 501);
		assert.equal(refused.json.message, "impersonation (acting as bob, --as) is not supported by this server yet");
	});
});
