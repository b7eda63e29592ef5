import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";

const ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts";
const REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";

interface Review {
	status: {
		authenticated?: boolean;
		user: { username?: string; groups?: string[] };
		audiences?: string[];
		error?: string;
	};
}

describe("tokens of service accounts", () => {
	let api: ApiServerFixture;
	before(async () => {
		api = await startFixture();
		await api.expect("POST", ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web" } });
	});
	after(() => api?.[Symbol.asyncDispose]());

	const tokenFor = async (audiences: readonly string[]) => {
		const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences } };
		const { status } = (await api.expect("POST", `${ACCOUNTS}/web/token`, body)) as unknown as {
			status: { token: string };
		};
		return status.token;
	};
	const review = async (token: string, audiences?: readonly string[]) => {
		const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token, audiences } };
		return ((await api.expect("POST", REVIEWS, body)) as unknown as Review).status;
	};

	test("a token is known again, for its audiences", async () => {
		const token = await tokenFor(["istio-ca", "other"]);
		const { authenticated, user, audiences } = await review(token, ["istio-ca"]);
		assert.deepEqual(
			[authenticated, user.username, audiences],
			[true, "system:serviceaccount:default:web", ["istio-ca"]],
		);
		assert.ok(user.groups?.includes("system:serviceaccounts:default"));
		assert.match((await review(token)).error!, /audiences/);
		assert.equal((await review(token, ["third"])).authenticated, undefined);
	});

	test("what the server did not sign is no token", async () => {
		const token = await tokenFor(["istio-ca"]);
		const [header, payload, signature] = token.split(".");
		const admin = Buffer.from(payload!, "base64url").toString().replace("default:web", "default:adm");
		for (const bad of ["", "x", "a.b.c", `${header}.${Buffer.from(admin).toString("base64url")}.${signature}`])
			assert.equal((await review(bad, ["istio-ca"])).error, "invalid bearer token");
	});

	test("an account that is not there has no token, and its old one is worth nothing", async () => {
		const nobody = await api.send("POST", `${ACCOUNTS}/nobody/token`, {
			kind: "TokenRequest",
			apiVersion: "authentication.k8s.io/v1",
		});
		assert.equal(nobody.code, 404);
		const token = await tokenFor(["istio-ca"]);
		await api.expect("DELETE", `${ACCOUNTS}/web`);
		assert.match((await review(token, ["istio-ca"])).error!, /is gone/);
	});

	test("a token of a service account opens no door of the API server", async () => {
		await api.expect("POST", ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web" } });
		const authorization = `Bearer ${await tokenFor([])}`;
		assert.equal((await api.send("GET", "/api/v1/pods", undefined, { authorization })).code, 401);
	});
});
