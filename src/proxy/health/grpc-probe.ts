import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { GrpcProbe as GrpcProbeConfig } from "../cluster/health/check-config.ts";
import type { CheckResult } from "../cluster/health/check-session.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { RequestHead } from "../http/message.ts";
import { HttpExchange, type ProbeAnswer } from "./http-exchange.ts";
import { applyHeaders, USER_AGENT } from "./http-probe.ts";
import type { Probe, ProbeRoute } from "./probe.ts";

/** A health answer is two bytes long; more is no such answer. */
const MAX_ANSWER_BYTES = 4096;
const FRAME_HEAD_BYTES = 5;
const SERVING = 1;

/** Asks by `grpc.health.v1.Health/Check` (Envoy: GrpcHealthCheckerImpl). */
export class GrpcProbe implements Probe {
	readonly #config: GrpcProbeConfig;
	readonly #route: ProbeRoute;
	readonly #timeoutMs: number;
	readonly #authority: string;
	readonly #body: Uint8Array;
	#exchange: HttpExchange | undefined = undefined;

	constructor(config: GrpcProbeConfig, host: ClusterHost, route: ProbeRoute, timeoutMs: number) {
		this.#config = config;
		this.#route = route;
		this.#timeoutMs = timeoutMs;
		this.#authority = host.config.check?.hostname || config.authority || route.cluster.name;
		this.#body = encodeRequest(config.service);
	}

	ask(done: (result: CheckResult) => void): void {
		const target = { ...this.#route, maxBodyBytes: MAX_ANSWER_BYTES };
		this.#exchange = new HttpExchange(target, this.#request(), this.#body, (answer) => {
			if (!answer) done({ ok: false, failure: "network" });
			else done(isServing(answer) ? { ok: true, degraded: false } : { ok: false, failure: "active" });
		});
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
		const head: RequestHead = {
			method: "POST",
			path: "/grpc.health.v1.Health/Check",
			authority: this.#authority,
			scheme: "http",
			protocol: "HTTP/2",
			headers: HeaderMap.of(["te", "trailers"], ["content-type", "application/grpc"], ["user-agent", USER_AGENT]),
		};
		applyHeaders(head, this.#config.metadata, []);
		head.headers.set("grpc-timeout", `${Math.ceil(this.#timeoutMs)}m`);
		return head;
	}
}

function isServing({ head, body, trailers }: ProbeAnswer): boolean {
	const status = (trailers ?? head.headers).get("grpc-status");
	if (head.status !== 200 || status !== "0") return false;
	return decodeStatus(body) === SERVING;
}

/** `HealthCheckRequest { string service = 1; }` in a gRPC frame. */
function encodeRequest(service: string): Uint8Array {
	const name = Buffer.from(service);
	const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
	const frame = Buffer.alloc(FRAME_HEAD_BYTES + message.length);
	frame.writeUInt32BE(message.length, 1);
	message.copy(frame, FRAME_HEAD_BYTES);
	return frame;
}

function varint(value: number): number[] {
	const bytes: number[] = [];
	let left = value;
	for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
	return [...bytes, left];
}

/** `HealthCheckResponse { ServingStatus status = 1; }`; undefined when it is none. */
function decodeStatus(frame: Buffer): number | undefined {
	if (frame.length < FRAME_HEAD_BYTES || frame[0] !== 0) return undefined;
	const length = frame.readUInt32BE(1);
	if (frame.length !== FRAME_HEAD_BYTES + length) return undefined;
	if (length === 0) return 0;
	return length === 2 && frame[FRAME_HEAD_BYTES] === 0x08 ? frame[FRAME_HEAD_BYTES + 1] : undefined;
}
