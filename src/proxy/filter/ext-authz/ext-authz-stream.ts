import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import { clusterOf, countOnCluster } from "../cluster-counter.ts";
import type { DataOutcome, EndOutcome, FilterStream, HeadOutcome, HttpFilter } from "../http-filter.ts";
import { applyToRequest, applyToResponse, changesRequest } from "./apply-decision.ts";
import type { AuthzDecision, HeaderChange } from "./authz-decision.ts";
import type { ShownBody } from "./authz-request.ts";
import type { BodySettings, ExtAuthzRoute, ExtAuthzSettings } from "./ext-authz-settings.ts";

const METADATA = "envoy.filters.http.ext_authz";
const NOTHING = new Uint8Array();
/** Of a body that is shown in part so much is held while the service decides; from half of it on no more is read. */
const MAX_HELD_BYTES = 1024 * 1024;

/** One stream: gathers what the service is to see, asks, carries the answer out. */
export class ExtAuthzStream implements HttpFilter {
	readonly #on: ExtAuthzSettings;
	#state: "idle" | "buffering" | "asking" | "done" = "idle";
	#body: BodySettings | undefined = undefined;
	#buffered = 0;
	#paused = false;
	#askedAtMs = 0;
	#cancel: (() => void) | undefined = undefined;
	#responseChanges: readonly HeaderChange[] = [];

	constructor(on: ExtAuthzSettings) {
		this.#on = on;
	}

	decodeHeaders(stream: FilterStream, endStream: boolean): HeadOutcome {
		const route = stream.routeConfig(this.#on.name) as ExtAuthzRoute | undefined;
		if (route?.disabled) return "pass";
		if (!this.#enabled(stream)) return this.#skip(stream);
		this.#body = route?.withoutBody ? undefined : (route?.body ?? this.#on.body);
		if (!this.#body || endStream || isUpgrade(stream)) {
			this.#ask(stream, undefined);
			return "stop";
		}
		stream.limitRequestBuffer(this.#body.allowPartial ? MAX_HELD_BYTES : this.#body.maxBytes);
		this.#state = "buffering";
		return "hold";
	}

	decodeData(stream: FilterStream, data: Uint8Array): DataOutcome {
		if (this.#state === "done") return "continue";
		this.#buffered += data.length;
		const body = this.#body!;
		if (this.#state === "buffering" && body.allowPartial && this.#buffered >= body.maxBytes) {
			this.#ask(stream, shown(stream.heldRequest(this), data, body.maxBytes));
		}
		if (body.allowPartial && !this.#paused && this.#buffered >= MAX_HELD_BYTES / 2) {
			// The service decides by what it has; the rest stays with the client until then.
			stream.pauseRequest();
			this.#paused = true;
		}
		return "hold";
	}

	decodeEnd(stream: FilterStream): EndOutcome {
		if (this.#state === "done") return "continue";
		if (this.#state === "buffering") this.#ask(stream, shown(stream.heldRequest(this), NOTHING, this.#body!.maxBytes));
		return "hold";
	}

	encodeHeaders(_stream: FilterStream, { headers }: ResponseHead): "pass" {
		if (this.#responseChanges.length > 0) applyToResponse(this.#responseChanges, headers);
		return "pass";
	}

	onStreamEnd(): void {
		if (this.#state === "asking") this.#cancel?.();
		this.#state = "done";
	}

	#enabled({ info }: FilterStream): boolean {
		const { enabled, enabledByMetadata, deps } = this.#on;
		if (enabled < 1_000_000 && (enabled === 0 || deps.random.below(1_000_000) >= enabled)) return false;
		return enabledByMetadata?.((namespace) => info.dynamicMetadata.get(namespace)) ?? true;
	}

	#skip(stream: FilterStream): HeadOutcome {
		const { deps, statPrefix, denyAtDisable, statusOnError } = this.#on;
		deps.counter(`${statPrefix}disabled`).inc();
		if (!denyAtDisable) return "pass";
		this.#state = "done";
		stream.sendLocalReply({ status: statusOnError, body: "", flag: "UAEX", details: "ext_authz_error" });
		return "stop";
	}

	#ask(stream: FilterStream, body: ShownBody | undefined): void {
		const { service, name, deps } = this.#on;
		this.#state = "asking";
		this.#askedAtMs = deps.clock.nowMs();
		const levels = (stream.route()?.perFilterConfigs(name) ?? []) as readonly ExtAuthzRoute[];
		const contextExtensions: Record<string, string> = {};
		// The most specific level comes first and has the last word.
		for (let i = levels.length - 1; i >= 0; i--) Object.assign(contextExtensions, levels[i]!.contextExtensions);
		this.#cancel = service({ stream, body, contextExtensions }, (decision) => this.#decided(decision, stream));
	}

	#decided(decision: AuthzDecision, stream: FilterStream): void {
		if (this.#state !== "asking") return;
		this.#state = "done";
		this.#keepMetadata(decision, stream);
		if (decision.kind === "ok") this.#allow(decision, stream);
		else if (decision.kind === "denied") this.#deny(decision, stream);
		else this.#fail(decision, stream);
	}

	#keepMetadata({ kind, metadata }: AuthzDecision, { info }: FilterStream): void {
		if (!metadata || !this.#on.readsMetadata || Object.keys(metadata).length === 0) return;
		const took = Math.floor(this.#on.deps.clock.nowMs() - this.#askedAtMs);
		const fields = kind === "ok" ? { ...metadata, ext_authz_duration: took } : metadata;
		info.dynamicMetadata.set(METADATA, { ...info.dynamicMetadata.get(METADATA), ...fields });
	}

	#allow(decision: Extract<AuthzDecision, { kind: "ok" }>, stream: FilterStream): void {
		// Counted where the request was going when it was asked about.
		this.#count("ok", stream);
		if (!this.#on.shadow) {
			applyToRequest(decision, stream.request, this.#on.addsHeaders);
			this.#responseChanges = decision.response;
			if (this.#on.clearRouteCache && changesRequest(decision)) stream.clearRoute();
		}
		this.#goOn(stream);
	}

	#deny(decision: Extract<AuthzDecision, { kind: "denied" | "error" }>, stream: FilterStream): void {
		const status = decision.status ?? this.#on.statusOnError;
		this.#count("denied", stream);
		const fromInside = stream.request.headers.get("x-envoy-internal") === "true";
		if (this.#on.chargeCluster) clusterOf(stream, this.#on.deps)?.stats.countStatus(status, fromInside);
		if (this.#on.shadow) {
			this.#on.deps.counter(`${this.#on.statPrefix}shadow_denied`).inc();
			this.#goOn(stream);
			return;
		}
		const limit = this.#on.maxDeniedBodyBytes;
		const body = limit > 0 ? decision.body.slice(0, limit) : decision.body;
		this.#resume(stream);
		stream.sendLocalReply({ status, body, flag: "UAEX", details: "ext_authz_denied", headers: decision.headers });
	}

	#fail(decision: Extract<AuthzDecision, { kind: "denied" | "error" }>, stream: FilterStream): void {
		const { failureModeAllow, markFailureModeAllowed, statusOnError, shadow, deps, statPrefix } = this.#on;
		this.#count("error", stream);
		if (shadow || failureModeAllow) {
			if (shadow) deps.counter(`${statPrefix}shadow_error`).inc();
			else this.#count("failure_mode_allowed", stream);
			if (!shadow && markFailureModeAllowed) stream.request.headers.append("x-envoy-auth-failure-mode-allowed", "true");
			this.#goOn(stream);
			return;
		}
		const { body, headers } = decision;
		const status = decision.status ?? statusOnError;
		this.#resume(stream);
		stream.sendLocalReply({ status, body, flag: "UAEX", details: "ext_authz_error", headers });
	}

	#goOn(stream: FilterStream): void {
		this.#resume(stream);
		stream.continueDecoding(this);
	}

	#resume(stream: FilterStream): void {
		if (!this.#paused) return;
		this.#paused = false;
		stream.resumeRequest();
	}

	#count(stat: string, stream: FilterStream): void {
		const { deps, statPrefix } = this.#on;
		deps.counter(`${statPrefix}${stat}`).inc();
		countOnCluster(clusterOf(stream, deps), `${statPrefix}${stat}`, deps);
	}
}

function shown(held: Uint8Array, last: Uint8Array, maxBytes: number): ShownBody {
	const bytes = new Uint8Array(Math.min(maxBytes, held.length + last.length));
	bytes.set(held.subarray(0, bytes.length));
	if (held.length < bytes.length) bytes.set(last.subarray(0, bytes.length - held.length), held.length);
	return { bytes, partial: held.length + last.length > maxBytes };
}

/** The bytes behind an upgrade are no body. */
function isUpgrade({ request }: FilterStream): boolean {
	return hasUpgrade(request.headers) || request.method === "CONNECT";
}

function hasUpgrade(headers: HeaderMap): boolean {
	return headers.has("upgrade") && (headers.getJoined("connection") ?? "").toLowerCase().includes("upgrade");
}
