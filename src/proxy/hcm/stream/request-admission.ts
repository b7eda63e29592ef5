import type { Random } from "../../../lib/random.ts";
import { seenIn } from "../../codec/known-names.ts";
import type { FilterStream } from "../../filter/http-filter.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { RequestInfo } from "../../http/info/request-info.ts";
import type { LocalReply } from "../../http/message.ts";
import type { RedirectHistory } from "../../router/action/internal-redirect.ts";
import type { Mutation } from "../../router/headers/header-mutations.ts";
import type { Exchange } from "../connection/exchange.ts";
import { mutateRequestHeaders } from "../fields/request-headers.ts";
import { cleanAuthority, cleanPath } from "../fields/request-path.ts";

const NONE: readonly string[] = [];

/** A request on its way in. */
export interface IncomingStream extends FilterStream {
	readonly info: RequestInfo;
	readonly random: Random;
	readonly requestLength: number;
	/** Undefined: it comes from the client. */
	readonly redirected: RedirectHistory | undefined;
	/** From here on the connection carries bytes of `protocol`, not HTTP. */
	beginTunnel(protocol: string): void;
}

/**
 * What a connection manager does with a request before its filters see it: upgrade or not, clean path and host, header rules, 100 (Continue).
 * Returns the reply to a request that may not go on.
 */
export function admitRequest(stream: IncomingStream, exchange: Exchange): LocalReply | undefined {
	const { request } = stream;
	const { connection, shared } = exchange;
	const { config } = shared;
	if (config.underscores !== "allow" && !acceptUnderscores(request.headers, config.underscores === "drop", exchange)) {
		// As Envoy, whose codec refuses them: of the request nothing is known.
		Object.assign(request, { method: "", path: "", authority: "" });
		return { status: 400, body: "Bad Request", flag: "DPE", details: "http1.unexpected_underscore" };
	}
	const { earlyMutations } = shared.services;
	const seen = earlyMutations ? mutateEarly(stream, earlyMutations, exchange.seen) : exchange.seen;
	const refusal = cleanTarget(stream, exchange);
	if (refusal) return refusal;
	if (stream.redirected) {
		// As Envoy: what is known of the client is known, and its fields are clean.
		stream.info.requestId = request.headers.get("x-request-id");
		return undefined;
	}
	const asked = exchange.upgrade === "" && request.method === "CONNECT" ? "connect" : exchange.upgrade;
	const client = mutateRequestHeaders(request, seen, connection, {
		config,
		upgrade: exchange.upgrade !== "",
		originForm: exchange.originForm === true,
		internalOnly: shared.services.routeTable(request)?.internalOnlyHeaders ?? NONE,
		nodeIp: shared.services.localAddress,
		node: shared.services.node,
	});
	if (typeof client === "number") return { status: client, body: "", details: "rejecting_because_detection_failed" };
	if (client !== connection.sourceIp) stream.info.downstreamRemoteAddress = `${client}:0`;
	stream.info.requestId = request.headers.get("x-request-id");
	if (asked !== "") return admitUpgrade(stream, exchange, asked);
	if (exchange.expectsContinue && !config.proxy100Continue) {
		request.headers.remove("expect");
		shared.stats.countResponse(100);
		exchange.sendInterim(100, new HeaderMap());
	}
	return undefined;
}

/** What is seen in the request afterwards. */
function mutateEarly(
	{ info, request, redirected }: IncomingStream,
	mutations: readonly Mutation[],
	seen: number,
): number {
	if (redirected) return seen;
	const ctx = { info, request };
	for (const mutate of mutations) mutate(request.headers, ctx);
	return seenIn(request.headers.names);
}

const SLASH = 47;

/** Takes off fields with underscores in their names, or says no to them. */
function acceptUnderscores(headers: HeaderMap, drop: boolean, { shared }: Exchange): boolean {
	const found = headers.names.filter((name) => name.includes("_"));
	if (found.length === 0) return true;
	if (!drop) {
		shared.stats.rqRejectedWithUnderscores.inc();
		return false;
	}
	for (const name of found) {
		headers.remove(name);
		shared.stats.droppedWithUnderscores.inc();
	}
	return true;
}

function cleanTarget({ request }: IncomingStream, { shared, connection }: Exchange): LocalReply | undefined {
	const { path: settings } = shared.config;
	if (settings.stripPort !== "no" || settings.stripTrailingHostDot)
		request.authority = cleanAuthority(request.authority, settings, connection.localPort);
	if (request.method !== "CONNECT" && request.path.charCodeAt(0) !== SLASH) {
		shared.stats.rqNonRelativePath.inc();
		return { status: 404, body: "", details: "absolute_path_rejected" };
	}
	const cleans = settings.normalizePath || settings.mergeSlashes || settings.escapedSlashes !== "keep";
	if (!cleans || request.method === "CONNECT") return undefined;
	const outcome = cleanPath(request.path, settings);
	request.path = outcome.path;
	if (outcome.kind === "refuse") {
		shared.stats.rqFailedPathNormalization.inc();
		return { status: 400, body: "", details: "path_normalization_failed" };
	}
	if (outcome.kind === "redirect")
		return { status: 307, body: "", details: "path_normalization_failed", headers: [["location", outcome.path]] };
	return undefined;
}

function admitUpgrade(stream: IncomingStream, exchange: Exchange, asked: string): LocalReply | undefined {
	const { config, stats } = exchange.shared;
	const action = stream.route()?.action;
	const forward = action?.kind === "forward" ? action.forward : undefined;
	const allowed =
		(config.upgrades.has(asked) || forward?.upgrades.has(asked)) && !forward?.forbiddenUpgrades.has(asked);
	if (!forward) return undefined;
	if (asked !== "connect" && stream.requestLength !== 0) return { status: 400, body: "", details: "upgrade_with_body" };
	if (!allowed) {
		stats.rqUpgradeRefused.inc();
		return { status: 403, body: "", details: "upgrade_failed" };
	}
	stats.cxUpgradesTotal.inc();
	stream.beginTunnel(asked);
	return undefined;
}
