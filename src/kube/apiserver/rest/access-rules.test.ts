import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const GATEWAY = "system:serviceaccount:default:gateway";

describe("who else may do what", () => {
	let api: ApiServerFixture;
	const make = (kind: string, path: string, more: object, name = "secrets") =>
		api.expect("POST", `${RBAC}/${path}`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind,
			metadata: { name },
			...more,
		});
	const allowed = async (user: string, resourceAttributes: object, groups: readonly string[] = []) => {
		const body = {
			apiVersion: "authorization.k8s.io/v1",
			kind: "SubjectAccessReview",
			spec: { user, groups, resourceAttributes },
		};
		const answer = await api.expect("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body);
		return (answer as unknown as { status: { allowed: boolean } }).status.allowed;
	};
	const reading = { verb: "list", resource: "secrets", namespace: "default" };

	before(async () => {
		api = await startFixture();
		const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] }];
		await make("Role", "namespaces/default/roles", { rules });
		const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "secrets" };
		const subjects = [{ kind: "ServiceAccount", name: "gateway", namespace: "default" }];
		await make("RoleBinding", "namespaces/default/rolebindings", { roleRef, subjects });
		await make(
			"ClusterRole",
			"clusterroles",
			{ rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["watch"], resourceNames: ["one"] }] },
			"one",
		);
		const group = [{ kind: "Group", name: "watchers", apiGroup: "rbac.authorization.k8s.io" }];
		await make(
			"ClusterRoleBinding",
			"clusterrolebindings",
			{ roleRef: { ...roleRef, kind: "ClusterRole", name: "one" }, subjects: group },
			"one",
		);
	});
	after(() => api?.[Symbol.asyncDispose]());

	test("by a role in a namespace", async () => {
		assert.equal(await allowed(GATEWAY, reading), true);
		assert.equal(await allowed(GATEWAY, { ...reading, verb: "delete" }), false);
		assert.equal(await allowed(GATEWAY, { ...reading, namespace: "kube-system" }), false);
		assert.equal(await allowed(GATEWAY, { ...reading, resource: "configmaps" }), false);
		assert.equal(await allowed("system:serviceaccount:default:other", reading), false);
	});

	test("by a role of the whole cluster, for one object", async () => {
		const watching = { verb: "watch", group: "apps", resource: "deployments", name: "one" };
		assert.equal(await allowed("bob", watching, ["watchers"]), true);
		assert.equal(await allowed("bob", { ...watching, name: "two" }, ["watchers"]), false);
		assert.equal(await allowed("bob", watching), false);
	});

	test("administrators may do everything", async () => {
		assert.equal(await allowed("root", { verb: "delete", resource: "nodes" }, ["system:masters"]), true);
	});
});
