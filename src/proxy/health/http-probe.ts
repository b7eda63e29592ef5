import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { HttpProbe as HttpProbeConfig, ProbeHeader, StatusRange } from "../cluster/health/check-config.ts";
import type { CheckResult } from "../cluster/health/check-session.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { RequestHead } from "../http/message.ts";
import { HttpExchange, type ProbeAnswer } from "./http-exchange.ts";
import { holdsInOrder } from "./payload.ts";
import type { Probe, ProbeRoute } from "./probe.ts";

export const USER_AGENT = "Envoy/HC";

/** Asks by an HTTP request (Envoy: HttpHealthCheckerImpl). */
export class HttpProbe implements Probe {
	readonly #config: HttpProbeConfig;
	readonly #route: ProbeRoute;
	/** The service name was compared. */
	readonly #onVerify: () => void;
	readonly #authority: string;
	#exchange: HttpExchange | undefined = undefined;

	constructor(config: HttpProbeConfig, host: ClusterHost, route: ProbeRoute, onVerify: () => void) {
		this.#config = config;
		this.#route = route;
		this.#onVerify = onVerify;
		this.#authority = host.config.check?.hostname || config.host || route.cluster.name;
	}

	ask(done: (result: CheckResult) => void): void {
		const { responseBufferBytes, receive, body } = this.#config;
		const keeps = receive.length === 0 ? 0 : responseBufferBytes || Number.MAX_SAFE_INTEGER;
		const target = { ...this.#route, maxBodyBytes: keeps };
		this.#exchange = new HttpExchange(target, this.#request(), body, (answer) =>
			done(answer ? this.#judge(answer) : { ok: false, failure: "network" }),
		);
		this.#exchange.start();
	}

	giveUp(): void {
		this.#exchange?.cancel();
	}

	close(): void {
		this.#exchange?.cancel();
		this.#route.host.close();
	}

	#request(): RequestHead {
		const { method, path, http2, body, headersToAdd, headersToRemove } = this.#config;
		const head: RequestHead = {
			method,
			path,
			authority: this.#authority,
			scheme: "http",
			protocol: http2 ? "HTTP/2" : "HTTP/1.1",
			headers: HeaderMap.of(["user-agent", USER_AGENT]),
		};
		applyHeaders(head, headersToAdd, headersToRemove);
		if (body.length > 0) head.headers.set("content-length", String(body.length));
		return head;
	}

	#judge({ head, body }: ProbeAnswer): CheckResult {
		const { receive, expected, retriable, serviceName } = this.#config;
		const { status, headers } = head;
		const failed = { ok: false, failure: "active", status } as const;
		const exclude = headers.has("x-envoy-immediate-health-check-fail");
		if (!holdsInOrder(body, receive)) return { ...failed, exclude };
		if (!within(status, expected)) return { ...failed, exclude, retriable: within(status, retriable) };
		if (serviceName) {
			this.#onVerify();
			if (!serviceName(headers.get("x-envoy-upstream-healthchecked-cluster") ?? "")) return failed;
		}
		return { ok: true, degraded: headers.has("x-envoy-degraded") };
	}
}

/** Adds and removes header fields of a check's request, in Envoy's order; `host` and `:authority` name the authority. */
export function applyHeaders(head: RequestHead, added: readonly ProbeHeader[], removed: readonly string[]): void {
	const { headers } = head;
	for (const name of removed) headers.remove(name);
	const appended: ProbeHeader[] = [];
	const overwriting: ProbeHeader[] = [];
	for (const one of added) {
		const there = headers.has(one.name);
		if (isAuthority(one)) head.authority = one.value;
		else if (one.mode === "append" || (one.mode === "add-if-absent" && !there)) appended.push(one);
		else if (one.mode === "overwrite" || (one.mode === "overwrite-if-present" && there)) overwriting.push(one);
	}
	for (const { name, value } of overwriting) {
		headers.remove(name);
		headers.append(name, value);
	}
	for (const { name, value } of appended) headers.append(name, value);
}

function isAuthority({ name }: ProbeHeader): boolean {
	return name === "host" || name === ":authority";
}

function within(status: number, ranges: readonly StatusRange[]): boolean {
	return ranges.some(({ start, end }) => status >= start && status < end);
}
