import type { KubeObject } from "../../../kinds/object.ts";
import { API_AUDIENCE, type TokenClaims } from "../auth/service-account-tokens.ts";
import { objectKey } from "../store/object-key.ts";
import type { ApiContext } from "./api-context.ts";
import { readObject } from "./read-objects.ts";
import type { WriteRequest } from "./request-scope.ts";

const DEFAULT_LIFETIME_S = 3600;
const MIN_LIFETIME_S = 600;

/** POST serviceaccounts/{name}/token: a token for the account with the audiences that are asked for. */
export function requestToken(
	context: ApiContext,
	{ scope }: WriteRequest,
	body: Record<string, unknown>,
): Record<string, unknown> {
	const { object } = readObject(context, scope, new URLSearchParams());
	const spec = (body.spec ?? {}) as { audiences?: string[]; expirationSeconds?: number };
	const audiences = spec.audiences?.length ? spec.audiences : [API_AUDIENCE];
	const expirationSeconds = Math.max(spec.expirationSeconds ?? DEFAULT_LIFETIME_S, MIN_LIFETIME_S);
	const { name = "", namespace = "", uid = "" } = object.metadata;
	const { token, expiresEpochMs } = context.tokens.issue({ name, namespace, uid }, audiences, expirationSeconds * 1000);
	const expirationTimestamp = new Date(expiresEpochMs).toISOString().replace(/\.\d+Z$/, "Z");
	return {
		kind: "TokenRequest",
		apiVersion: "authentication.k8s.io/v1",
		metadata: { name, namespace, creationTimestamp: null },
		spec: { ...spec, audiences, expirationSeconds },
		status: { token, expirationTimestamp },
	};
}

/** Answers a TokenReview: whether a token is a service account's that is still there, for one of the audiences asked about. */
export function reviewToken(context: ApiContext, review: KubeObject): KubeObject {
	const { spec = {} } = review as { spec?: { token?: string; audiences?: string[] } };
	const claims = context.tokens.check(spec.token ?? "");
	const asked = spec.audiences?.length ? spec.audiences : [API_AUDIENCE];
	const audiences = claims?.audiences.filter((one) => asked.includes(one)) ?? [];
	const problem = problemOf(context, claims, audiences);
	if (!claims || problem !== undefined) return { ...review, status: { user: {}, error: problem } };
	const { namespace, name, uid } = claims;
	const user = {
		username: `system:serviceaccount:${namespace}:${name}`,
		uid,
		groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
	};
	return { ...review, status: { authenticated: true, user, audiences } };
}

function problemOf(
	{ store }: ApiContext,
	claims: TokenClaims | undefined,
	audiences: readonly string[],
): string | undefined {
	if (!claims) return "invalid bearer token";
	if (audiences.length === 0) return "token audiences are not among those that are asked for";
	const { namespace, name, uid } = claims;
	const account = store.get(objectKey("core/serviceaccounts", namespace, name))?.object;
	return account?.metadata.uid === uid ? undefined : `the service account ${namespace}/${name} is gone`;
}
