import { createServer, type Server, type Socket } from "node:net";
import { onStop } from "./kit/lifecycle.ts";
import { say } from "./kit/say.ts";
import type { Env } from "./kit/serve.ts";

const MAX_LINE_BYTES = 64 * 1024;

/** Istio's tcp-echo: each line comes back behind a prefix. A line longer than 64 KiB ends the connection. */
export function tcpEcho(prefix: string, log: (line: string) => void): (socket: Socket) => void {
	return (socket) => {
		let rest = "";
		socket.setEncoding("utf8");
		socket.on("data", (chunk: string) => {
			const lines = (rest + chunk).split("\n");
			rest = lines.pop() ?? "";
			for (const line of lines) {
				log(`request: ${line}`);
				const response = `${prefix} ${line}\n`;
				log(`response: ${response.trimEnd()}`);
				socket.write(response);
			}
			if (rest.length > MAX_LINE_BYTES) socket.destroy();
		});
		socket.on("error", () => socket.destroy());
	};
}

/** Arguments as of the image: `<port>[,<port>...] <prefix>`. */
export async function start(env: Env, args: readonly string[]): Promise<void> {
	const [portList = "9000", prefix = "hello"] = args;
	const ports = portList.split(",").map(Number);
	if (ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535))
		throw new Error(`"${portList}" is not a list of ports`);
	for (const port of ports) {
		const server = createServer(tcpEcho(prefix, say));
		await listen(server, port, env.HOST);
		say(`listening on ${env.HOST ?? ""}:${port}, prefix: ${prefix}`);
		onStop(() => {
			server.close();
		});
	}
}

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, host, resolve);
	});
}
