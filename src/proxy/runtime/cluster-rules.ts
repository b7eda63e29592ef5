import { fieldPath } from "../../lib/field-path.ts";
import { unpackAs } from "../../xds/any.ts";
import type { Cluster } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { HttpProtocolOptionsSchema } from "../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import type { BalancingConfig } from "../cluster/cluster-config.ts";
import { HTTP_OPTIONS_KEY } from "../cluster/compile/compile-http-protocol.ts";
import type { ClusterRules } from "../forward/cluster-rules.ts";
import { compileHashPolicies } from "../router/action/hash-policy.ts";
import { compileMirrorPolicies } from "../router/action/mirror-policy.ts";
import { compileRetryPolicy } from "../router/action/retry-policy.ts";
import { CompileScope, type RouteCompileDeps } from "../router/compile-scope.ts";

/** Reads what a cluster says in place of its routes; undefined when it says nothing. Throws ProblemError with every path. */
export function compileClusterRules(
	message: Cluster,
	at: string,
	deps: RouteCompileDeps,
	balancing: BalancingConfig,
): ClusterRules | undefined {
	const options = unpackAs(message.typedExtensionProtocolOptions[HTTP_OPTIONS_KEY], HttpProtocolOptionsSchema);
	const { hashPolicy = [], requestMirrorPolicies = [], retryPolicy } = options ?? {};
	const scope = new CompileScope(deps, { validateClusters: false, maxDirectResponseBytes: 0 });
	const { problems } = scope;
	const path = fieldPath(at).field("typed_extension_protocol_options").key(HTTP_OPTIONS_KEY);
	const own = balancing.hashPolicies;
	const rules: { -readonly [K in keyof ClusterRules]: ClusterRules[K] } = {};
	if (own) rules.hash = compileHashPolicies(own.messages, fieldPath(own.at), problems);
	else if (hashPolicy.length > 0) rules.hash = compileHashPolicies(hashPolicy, path.field("hash_policy"), problems);
	if (requestMirrorPolicies.length > 0)
		rules.mirrors = compileMirrorPolicies(requestMirrorPolicies, path.field("request_mirror_policies"), scope);
	if (retryPolicy) rules.retryPolicy = compileRetryPolicy(retryPolicy, path.field("retry_policy"), problems);
	problems.throwIfAny();
	return Object.keys(rules).length > 0 ? rules : undefined;
}
