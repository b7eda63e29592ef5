import type { TestMesh } from "./mesh.ts";

/** Requests of a pod of their own: they go on when the API server, by which every `kubectl exec` runs, is gone. */
export interface LoadPod {
	/** Ends the load; answers with the status of every request. */
	stop(): Promise<number[]>;
}

const LOOP = `
until curl -s -f -o /dev/null "$URL"; do sleep 0.1; done
echo ready
while :; do curl -s --max-time 30 -o /dev/null -w '%{http_code}\\n' "$URL?n=[1-100]"; done`;

/** Starts a pod `load` that sends one request after the other. */
export async function startLoadPod(mesh: TestMesh, namespace: string, url: string): Promise<LoadPod> {
	const container = {
		name: "load",
		image: "curlimages/curl",
		command: ["/bin/sh", "-c", LOOP],
		env: [{ name: "URL", value: url }],
	};
	const pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "load", namespace },
		spec: { containers: [container] },
	};
	await mesh.kubectl.ok(["apply", "-f", "-"], { input: JSON.stringify(pod) });
	const inNamespace = ["-n", namespace];
	await mesh.kubectl.ok(["wait", "--for=condition=Ready", "pod/load", "--timeout=60s", ...inNamespace], {
		timeoutMs: 70_000,
	});
	return {
		async stop() {
			const log = await mesh.kubectl.ok(["logs", "load", "-c", "load", ...inNamespace]);
			await mesh.kubectl.ok(["delete", "pod", "load", "--wait=false", ...inNamespace]);
			const [, answers = ""] = log.split("ready\n");
			return answers
				.split("\n")
				.filter((line) => /^\d{3}$/.test(line))
				.map(Number);
		},
	};
}
