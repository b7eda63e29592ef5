import type { FieldPath } from "../../../lib/field-path.ts";
import type { RouteAction_RequestMirrorPolicy } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { CompileScope } from "../compile-scope.ts";
import { compileMutations } from "../headers/header-mutations.ts";
import { perMillion } from "../match/fraction.ts";
import { firstRequestHeader } from "../match/request-header.ts";
import type { MirrorPolicy } from "../route-match.ts";

/** Compiles a `request_mirror_policies` list. Without a fraction every request is mirrored. */
export function compileMirrorPolicies(
	messages: readonly RouteAction_RequestMirrorPolicy[],
	at: FieldPath,
	scope: CompileScope,
): readonly MirrorPolicy[] {
	return messages.map((message, i) => compileMirrorPolicy(message, at.index(i), scope));
}

function compileMirrorPolicy(
	message: RouteAction_RequestMirrorPolicy,
	at: FieldPath,
	scope: CompileScope,
): MirrorPolicy {
	if ((message.cluster === "") === (message.clusterHeader === ""))
		scope.problems.add("invalid", at, "a mirror policy has either a cluster or a cluster_header");
	if (message.cluster !== "") scope.checkCluster(message.cluster, at.field("cluster"));
	const fraction = message.runtimeFraction ? perMillion(message.runtimeFraction.defaultValue, 0) : 1_000_000;
	const authority = mirrorAuthority(message);
	const mutations = compileMutations(
		message.requestHeadersMutations,
		scope.deps.env,
		at.field("request_headers_mutations"),
		scope.problems,
	);
	const header = message.clusterHeader.toLowerCase();
	return {
		cluster: header === "" ? () => message.cluster : (request) => firstRequestHeader(request, header),
		sampled: (random) => fraction >= 1_000_000 || random.below(1_000_000) < fraction,
		traceSampled: message.traceSampled,
		prepare: (copy, ctx) => {
			for (const mutate of mutations) mutate(copy.headers, ctx);
			copy.authority = authority(copy.authority);
		},
	};
}

/** Envoy marks the copy's host with `-shadow`, before the port, unless told not to. */
function mirrorAuthority(message: RouteAction_RequestMirrorPolicy): (original: string) => string {
	if (message.hostRewriteLiteral !== "") return () => message.hostRewriteLiteral;
	if (message.disableShadowHostSuffixAppend) return (original) => original;
	return (original) => {
		const port = /:\d+$/.exec(original)?.[0] ?? "";
		return `${original.slice(0, original.length - port.length)}-shadow${port}`;
	};
}
