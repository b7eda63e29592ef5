import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";

/** Writes without end, until the server is gone. */
export interface ApiWriter {
	/** Names of the ConfigMaps whose creation was acknowledged with 201. */
	readonly acknowledged: readonly string[];
	/** Resolves when so many are acknowledged. */
	reached(count: number): Promise<void>;
	/** Resolves when the connection broke. */
	readonly ended: Promise<void>;
}

interface Kubeconfig {
	readonly clusters: readonly [{ cluster: { server: string; "certificate-authority-data": string } }];
	readonly users: readonly [{ user: { token: string } }];
}

const CLIENTS = 4;

/** Creates ConfigMaps `written-<n>` with `data.n` in a namespace, several clients at once, each on its own connection. */
export function writeConfigMaps(kubeconfigFile: string, namespace: string): ApiWriter {
	const { clusters, users } = parse(readFileSync(kubeconfigFile, "utf8")) as Kubeconfig;
	const { server, "certificate-authority-data": ca } = clusters[0].cluster;
	const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS, ca: Buffer.from(ca, "base64") });
	const headers = { authorization: `Bearer ${users[0].user.token}`, "content-type": "application/json" };
	const acknowledged: string[] = [];
	let last = 0;
	const create = (name: string, n: number) =>
		new Promise<number>((resolve, reject) => {
			const url = `${server}/api/v1/namespaces/${namespace}/configmaps`;
			const sent = request(url, { method: "POST", agent, headers }, (response) => {
				response.resume();
				response.once("end", () => resolve(response.statusCode ?? 0));
				response.once("error", reject);
			});
			sent.once("error", reject);
			sent.end(JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { n: String(n) } }));
		});
	const client = async () => {
		for (;;) {
			const n = ++last;
			const name = `written-${n}`;
			const status = await create(name, n);
			if (status !== 201) throw new Error(`the API server answered ${status}`);
			acknowledged.push(name);
		}
	};
	const clients = Array.from({ length: CLIENTS }, () => client().catch(() => undefined)); // they end when the server does
	return {
		acknowledged,
		async reached(count) {
			while (acknowledged.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
		},
		ended: Promise.all(clients).then(() => agent.destroy()),
	};
}
