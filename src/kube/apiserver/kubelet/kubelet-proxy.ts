import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import type { KubeObject } from "../../../kinds/object.ts";
import { ApiError, badRequest, internalError, notFound } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { RequestScope } from "../rest/request-scope.ts";
import type { Store } from "../store/store.ts";
import { pickContainer } from "./pick-container.ts";

/** What the proxy needs to know. */
export interface KubeletProxyOptions {
	readonly store: Store;
	/** Reads the token that the kubelet asks for; it may be made after the API server has started. */
	readonly readToken: () => Promise<string>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_ERROR_BYTES = 64 * 1024;
const LOG_QUERY = ["follow", "tailLines", "sinceSeconds", "sinceTime", "timestamps", "previous", "limitBytes"];
const EXEC_QUERY = ["command", "stdin", "stdout", "stderr", "tty"];

/** Passes logs, exec and attach on to the kubelet of the pod's node. */
export class KubeletProxy {
	readonly #store: Store;
	readonly #readToken: () => Promise<string>;

	constructor({ store, readToken }: KubeletProxyOptions) {
		this.#store = store;
		this.#readToken = readToken;
	}

	/** GET pods/{name}/log: streams the kubelet's answer. */
	async answerLog(exchange: Exchange, scope: RequestScope): Promise<void> {
		const pod = this.#pod(scope);
		const container = pickContainer(pod, exchange.query.get("container") ?? "");
		const path = this.#path("containerLogs", pod, container, pickQuery(exchange.query, LOG_QUERY));
		const upstream = await this.#call({ ...this.#address(pod, container), method: "GET", path });
		if (upstream.statusCode !== 200) throw await refusal(upstream);
		const stream = exchange.stream({ "content-type": "text/plain" });
		stream.onClose(() => upstream.destroy());
		stream.onDrain(() => upstream.resume());
		upstream.on("data", (chunk: Buffer) => {
			if (!stream.write(chunk)) upstream.pause();
		});
		upstream.on("end", () => stream.end());
		upstream.on("error", () => stream.destroy());
	}

	/**
	 * exec and attach: opens the same upgrade at the kubelet and joins the two connections. Throws ApiError while nothing has
	 * been answered yet.
	 */
	async tunnel(scope: RequestScope, query: URLSearchParams, client: UpgradeRequest): Promise<void> {
		const pod = this.#pod(scope);
		const container = pickContainer(pod, query.get("container") ?? "");
		if (scope.subresource === "exec" && query.getAll("command").length === 0)
			throw badRequest("you must specify at least one command for the container");
		const path = this.#path(scope.subresource, pod, container, pickQuery(query, EXEC_QUERY));
		const { method = "GET" } = client.request;
		const headers = { ...upgradeHeaders(client.request), ...(await this.#authorization()) };
		const request = httpRequest({ ...this.#address(pod, container), method, path, headers });
		const answer = await new Promise<Upgraded>((resolve, reject) => {
			request.once("upgrade", (response, socket, head) => resolve({ response, socket, head }));
			request.once("response", (response) => refusal(response).then(reject, reject));
			request.once("error", (cause) => reject(unreachable(pod, cause)));
			request.end();
		});
		join(client, answer);
	}

	#pod(scope: RequestScope): KubeObject {
		const stored = this.#store.get(`core/pods/${scope.namespace}/${scope.name}`);
		if (!stored) throw notFound({ group: "", plural: "pods" }, scope.name);
		return stored.object;
	}

	#path(action: string, pod: KubeObject, container: string, query: URLSearchParams): string {
		const { namespace = "", name = "" } = pod.metadata;
		const segments = [action, namespace, name, container].map(encodeURIComponent);
		return `/${segments.join("/")}?${query}`;
	}

	/** Address of the kubelet that runs the pod. */
	#address(pod: KubeObject, container: string): { host: string; port: number } {
		const { nodeName } = (pod.spec ?? {}) as { nodeName?: string };
		if (!nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
		const node = this.#store.get(`core/nodes/${nodeName}`)?.object;
		const { addresses = [], daemonEndpoints } = (node?.status ?? {}) as NodeStatus;
		const host = addresses.find((address) => address.type === "InternalIP")?.address;
		const port = daemonEndpoints?.kubeletEndpoint?.Port;
		if (host === undefined || port === undefined) {
			const reason = `node ${nodeName} has not told where its kubelet listens (container ${container})`;
			throw internalError(new Error(reason));
		}
		return { host, port };
	}

	async #authorization(): Promise<{ authorization: string }> {
		return { authorization: `Bearer ${(await this.#readToken()).trim()}` };
	}

	async #call(options: RequestOptions): Promise<IncomingMessage> {
		const headers = await this.#authorization();
		return new Promise((resolve, reject) => {
			const request = httpRequest({ ...options, headers }, (response) => {
				request.setTimeout(0); // a followed log may be silent for long
				resolve(response);
			});
			request.setTimeout(CONNECT_TIMEOUT_MS, () => request.destroy(new Error("the kubelet does not answer")));
			request.once("error", (cause) => reject(unreachable(undefined, cause)));
			request.end();
		});
	}
}

interface NodeStatus {
	readonly addresses?: readonly { readonly type: string; readonly address: string }[];
	readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } };
}

/** A client's upgrade request with its connection. */
export interface UpgradeRequest {
	readonly request: IncomingMessage;
	readonly socket: Duplex;
	readonly head: Buffer;
}

interface Upgraded {
	readonly response: IncomingMessage;
	readonly socket: Duplex;
	readonly head: Buffer;
}

const HOP_HEADERS = /^(connection|upgrade|sec-websocket-.*|x-stream-protocol-version|origin|content-length)$/;

/** Only what belongs to the upgrade goes on: never the client's own credentials. */
function upgradeHeaders(request: IncomingMessage): Record<string, string | string[]> {
	const headers: Record<string, string | string[]> = {};
	for (const [name, value] of Object.entries(request.headers)) {
		if (value !== undefined && HOP_HEADERS.test(name)) headers[name] = value;
	}
	return headers;
}

function join(client: UpgradeRequest, { response, socket, head }: Upgraded): void {
	const lines = [`HTTP/1.1 101 Switching Protocols`];
	for (let at = 0; at < response.rawHeaders.length; at += 2)
		lines.push(`${response.rawHeaders[at]}: ${response.rawHeaders[at + 1]}`);
	client.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
	if (head.length > 0) client.socket.write(head);
	if (client.head.length > 0) socket.write(client.head);
	for (const [from, to] of [
		[client.socket, socket],
		[socket, client.socket],
	] as const) {
		from.pipe(to);
		from.on("error", () => to.destroy());
		from.on("close", () => to.destroy());
	}
}

function pickQuery(query: URLSearchParams, names: readonly string[]): URLSearchParams {
	return new URLSearchParams([...query].filter(([name]) => names.includes(name)));
}

/** The kubelet's refusal with its own words: a Status, or plain text as the real one answers. */
async function refusal(response: IncomingMessage): Promise<ApiError> {
	const text = await readText(response);
	const code = response.statusCode ?? 500;
	try {
		const status = JSON.parse(text) as { kind?: string; message?: string; reason?: string };
		if (status.kind === "Status") return new ApiError(code, status.reason ?? "", status.message ?? "");
	} catch {
		// not JSON: the text itself is the message
	}
	const reason = code === 400 ? "BadRequest" : code === 404 ? "NotFound" : "InternalError";
	return new ApiError(code, reason, text.trim() || `the kubelet answered ${code}`);
}

async function readText(response: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of response) {
		size += (chunk as Buffer).length;
		if (size > MAX_ERROR_BYTES) break;
		chunks.push(chunk as Buffer);
	}
	return Buffer.concat(chunks).toString("utf8");
}

function unreachable(pod: KubeObject | undefined, cause: Error): ApiError {
	const subject = pod ? ` of pod ${pod.metadata.name}` : "";
	return internalError(new Error(`the kubelet${subject} cannot be reached: ${cause.message}`, { cause }));
}
