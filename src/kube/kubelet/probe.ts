import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { ContainerPort, Probe } from "../client/pod.ts";
import type { ExecResult } from "./exec-process.ts";

/** Success, or the text of the Unhealthy event. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** What a probe needs to know about its container. */
export interface ProbeTarget {
	readonly ports: readonly ContainerPort[];
	/** The address for that port (the application's own; the sidecar's for its health ports). */
	address(port: number): string;
	/** Runs a command inside the container; rejects when it cannot be started. */
	exec(command: readonly string[], timeoutMs: number): Promise<ExecResult>;
}

const MAX_MESSAGE_CHARS = 400;

/** Asks once. Never rejects: whatever goes wrong is a failed probe. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
	const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
	try {
		if (probe.exec) return await execProbe(probe.exec.command ?? [], target, timeoutMs);
		if (probe.httpGet) return await httpProbe(probe.httpGet, target, timeoutMs);
		if (probe.tcpSocket) return await tcpProbe(probe.tcpSocket, target, timeoutMs);
		return { ok: false, message: "grpc probes are not supported; use tcpSocket or httpGet" };
	} catch (error) {
		return { ok: false, message: error instanceof Error ? error.message : String(error) };
	}
}

async function execProbe(command: readonly string[], target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
	const { exitCode, output, timedOut } = await target.exec(command, timeoutMs);
	if (timedOut) return { ok: false, message: `command timed out: ${command.join(" ")} timed out after ${timeoutMs}ms` };
	return exitCode === 0
		? { ok: true }
		: { ok: false, message: output.slice(0, MAX_MESSAGE_CHARS) || `exit code ${exitCode}` };
}

function portNumber(port: number | string, ports: readonly ContainerPort[]): number {
	if (typeof port === "number") return port;
	const found = /^\d+$/.test(port) ? Number(port) : ports.find(({ name }) => name === port)?.containerPort;
	if (found === undefined) throw new Error(`the container has no port named "${port}"`);
	return found;
}

function httpProbe(get: NonNullable<Probe["httpGet"]>, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
	const port = portNumber(get.port, target.ports);
	const host = get.host ?? target.address(port);
	const headers: Record<string, string> = { "user-agent": "kube-probe/1.32", accept: "*/*", connection: "close" };
	for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
	const send = get.scheme === "HTTPS" ? httpsRequest : httpRequest;
	return new Promise((resolve) => {
		const request = send(
			// A probe asks whether the program answers, not who signed its certificate (Kubernetes' rule).
			{ host, port, path: get.path || "/", headers, agent: false, rejectUnauthorized: false },
			(answer) => {
				const status = answer.statusCode ?? 0;
				answer.resume();
				const ok = status >= 200 && status < 400;
				resolve(ok ? { ok } : { ok, message: `HTTP probe failed with statuscode: ${status}` });
			},
		);
		request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
		request.once("error", (error) =>
			resolve({ ok: false, message: `Get "${host}:${port}${get.path ?? "/"}": ${error.message}` }),
		);
		request.end();
	});
}

function tcpProbe(
	socket: NonNullable<Probe["tcpSocket"]>,
	target: ProbeTarget,
	timeoutMs: number,
): Promise<ProbeResult> {
	const port = portNumber(socket.port, target.ports);
	const host = socket.host ?? target.address(port);
	return new Promise((resolve) => {
		const connection = connect({ host, port });
		const end = (result: ProbeResult) => {
			connection.destroy();
			resolve(result);
		};
		connection.setTimeout(timeoutMs, () => end({ ok: false, message: `dial tcp ${host}:${port}: i/o timeout` }));
		connection.once("connect", () => end({ ok: true }));
		connection.once("error", (error) => end({ ok: false, message: `dial tcp ${host}:${port}: ${error.message}` }));
	});
}
