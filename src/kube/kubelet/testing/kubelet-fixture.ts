import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AddressPlan, addressPlan } from "../../../lib/address-plan.ts";
import { systemClock } from "../../../lib/clock.ts";
import { systemRandom } from "../../../lib/random.ts";
import { createKubeClient } from "../../client/create-kube-client.ts";
import type { KubeClient } from "../../client/kube-client.ts";
import { silentLog } from "../../client/log.ts";
import type { Container, Pod } from "../../client/pod.ts";
import { type FakeApiServer, startFakeApiServer } from "../../client/testing/fake-api-server.ts";
import type { FindProgram } from "../images.ts";
import { findMarked } from "../process-identity.ts";
import { type Kubelet, startKubelet } from "../start-kubelet.ts";

/** A kubelet against the fake server, in a folder of its own. */
export interface KubeletFixture {
	readonly server: FakeApiServer;
	readonly client: KubeClient;
	readonly dataDir: string;
	readonly plan: AddressPlan;
	kubelet: Kubelet;
	start(): Promise<Kubelet>;
	/** Puts a pod on the node. */
	run(name: string, spec: Partial<Pod["spec"]>, metadata?: Partial<Pod["metadata"]>): Pod;
	pod(name: string): Pod | undefined;
	/** Waits until the pod is as wanted. */
	until(name: string, what: string, is: (pod: Pod) => boolean, timeoutMs?: number): Promise<Pod>;
	/** Text of the kubelet's server. */
	fetch(path: string): Promise<{ status: number; text: string }>;
	token(): string;
}

/** `node` runs a script given as args; everything else is unknown. */
const NODE_IMAGE: FindProgram = (image) =>
	image.startsWith("node") ? { name: "node", argv: [process.execPath], env: { FROM_IMAGE: "yes" } } : undefined;

/** A container of the test image that runs a line of JavaScript. */
export function script(name: string, code: string, more: Partial<Container> = {}): Container {
	return { name, image: "node:24", args: ["-e", code], ...more };
}

/** A container that runs a shell line. */
export function shell(name: string, line: string, more: Partial<Container> = {}): Container {
	return { name, image: "busybox", command: ["/bin/sh", "-c", line], ...more };
}

let block = 60;

export async function withKubelet(run: (fixture: KubeletFixture) => Promise<void>): Promise<void> {
	const server = await startFakeApiServer();
	const client = createKubeClient({ server: server.url });
	const dataDir = mkdtempSync(join(tmpdir(), "kubelet-"));
	const plan = addressPlan(block++);
	const start = () =>
		startKubelet({
			client: createKubeClient({ server: server.url }),
			clock: systemClock,
			random: systemRandom,
			addressPlan: plan,
			nodeName: "here",
			dataDir,
			resolveImage: NODE_IMAGE,
			logger: silentLog,
		});
	const fixture: KubeletFixture = {
		server,
		client,
		dataDir,
		plan,
		kubelet: await start(),
		start,
		run: (name, spec, metadata = {}) =>
			server.put("pods", {
				kind: "Pod",
				metadata: { name, namespace: "default", ...metadata },
				spec: { nodeName: "here", terminationGracePeriodSeconds: 5, containers: [], ...spec },
			}) as Pod,
		pod: (name) => server.get("pods", name, "default") as Pod | undefined,
		until: (name, what, is, timeoutMs) =>
			server.until(
				() => {
					const pod = server.get("pods", name, "default") as Pod | undefined;
					return pod && is(pod) ? pod : undefined;
				},
				`${name}: ${what}`,
				timeoutMs,
			),
		async fetch(path) {
			const headers = { authorization: `Bearer ${fixture.token()}` };
			const answer = await fetch(`http://${plan.nodeIp}:${fixture.kubelet.port}${path}`, { headers });
			return { status: answer.status, text: await answer.text() };
		},
		token: () => readToken(dataDir),
	};
	try {
		await run(fixture);
	} finally {
		await fixture.kubelet.stop(500);
		client.close();
		await server.close();
		for (const pid of findMarked(dataDir)) process.kill(pid, "SIGKILL");
		rmSync(dataDir, { recursive: true, force: true });
	}
}

function readToken(dataDir: string): string {
	return readFileSync(join(dataDir, "kubelet-token"), "utf8");
}
