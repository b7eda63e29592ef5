import type { UpstreamCluster } from "../cluster/cluster.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { RequestHead } from "../http/message.ts";
import type { ForwardAction } from "../router/route-match.ts";
import type { UpstreamChannel } from "../upstream/upstream-user.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { ForwardContext } from "./forward-context.ts";
import type { RequestBody } from "./request-body.ts";

/** Sends copies of a finished request to the clusters that the route mirrors to; what they answer is dropped. */
export function mirrorRequest(
	request: RequestHead,
	body: RequestBody,
	action: ForwardAction,
	context: ForwardContext,
): void {
	for (const policy of action.mirrors) {
		if (!policy.sampled(context.random)) continue;
		const name = policy.cluster(request);
		const cluster = name === undefined ? undefined : context.clusters.get(name);
		if (!cluster) continue;
		const authority = policy.authority(request.authority);
		sendCopy({ ...request, authority, headers: headersOfCopy(request, context) }, body, cluster, context);
	}
}

/** A copy is a request of this node's own (Envoy: AsyncStreamImpl::sendHeaders). */
function headersOfCopy({ headers }: RequestHead, { localAddress }: ForwardContext): HeaderMap {
	const copy = headers.clone();
	copy.set("x-envoy-internal", "true");
	if (localAddress === undefined) return copy;
	const before = copy.getJoined("x-forwarded-for");
	copy.set("x-forwarded-for", before ? `${before},${localAddress}` : localAddress);
	return copy;
}

function sendCopy(request: RequestHead, body: RequestBody, cluster: UpstreamCluster, context: ForwardContext): void {
	const host = cluster.pick({ hash: undefined, avoid: undefined, hostSelectionAttempts: 1 });
	if (!host) return;
	const ignore = () => {};
	const fromInside = request.headers.get("x-envoy-internal") === "true";
	const owner: AttemptOwner = {
		onAttemptReady(attempt: Attempt, channel: UpstreamChannel): void {
			channel.sendHead(request, body.length, "");
			body.sendKept(channel);
			channel.sendEnd(body.trailers);
			attempt.requestSent(MIRROR_TIMEOUT_MS);
		},
		onAttemptInformational: ignore,
		onAttemptResponse: (_attempt, head) => cluster.stats.countStatus(head.status, fromInside),
		onAttemptBody: ignore,
		onAttemptEnd: ignore,
		onAttemptFailure: ignore,
		onAttemptDrain: ignore,
		mayResend: () => true,
	};
	new Attempt(owner, context, { cluster, host, downstream: request.protocol, isRetry: false }).start();
}

/** A copy whose answer takes longer is given up. */
const MIRROR_TIMEOUT_MS = 15_000;
