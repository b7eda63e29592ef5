import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { TestMesh } from "../support/mesh.ts";
import { containerOf, podOf } from "./fault-scene.ts";

const NAMESPACE = "broken";
const SOON_MS = 20_000;

/** Pods that cannot run: what kubectl shows, and how they come right. */
export function brokenWorkloadTests(mesh: TestMesh): void {
	const kubectl = (...args: string[]) => mesh.kubectl.ok(["-n", NAMESPACE, ...args]);
	const settings = join(dirname(mesh.dataDir), "lateen.yaml");

	// Side by side: most of the time passes in back-offs.
	describe("A pod that cannot run", { concurrency: true }, () => {
		before(() => mesh.kubectl.ok(["create", "namespace", NAMESPACE]));
		after(() => mesh.kubectl.ok(["delete", "namespace", NAMESPACE, "--wait=false"]));

		test("an unknown image: the reason in `get`, the sentence in `describe`; once it is mapped it runs", async () => {
			await kubectl("create", "deployment", "mine", "--image=example.com/team/mine:v1");
			const listed = await eventually(
				"the reason",
				async () =>
					/0\/1 +(ErrImagePull|ImagePullBackOff) +0/.exec(await kubectl("get", "pods", "-l", "app=mine"))?.[0],
				SOON_MS,
			);
			assert.ok(listed);
			const described = await kubectl("describe", "pods", "-l", "app=mine");
			assert.match(
				described,
				/image "example.com\/team\/mine:v1" is not known here and nothing is downloaded: map it to a command under images: in lateen.yaml, or set the pod annotation lateen.dev\/command/,
			);
			const { code, stderr } = await mesh.kubectl(["-n", NAMESPACE, "logs", "deploy/mine"]);
			assert.equal(code, 1);
			assert.match(stderr, /is waiting to start/);

			// A file that is broken in between changes nothing; the right one is taken at the next try, with no restart of anything.
			writeFileSync(settings, "images: [\n");
			writeFileSync(
				settings,
				'images:\n  example.com/team/mine:\n    command: [sh, -c, "echo mapped; sleep 1000"]\n    env: { GREETING: hello }\n',
			);
			await kubectl("rollout", "status", "deploy/mine", "--timeout=30s");
			assert.equal(await kubectl("logs", "deploy/mine"), "mapped\n");
			assert.equal(await kubectl("exec", "deploy/mine", "--", "sh", "-c", "echo $GREETING"), "hello\n");
			rmSync(settings);
		});

		test("an application that crashes: CrashLoopBackOff, growing RESTARTS, its last words, events", async () => {
			await mesh.kubectl.ok(["apply", "-n", NAMESPACE, "-f", "-"], {
				input: JSON.stringify({
					apiVersion: "v1",
					kind: "Pod",
					metadata: { name: "crashes", labels: { app: "crashes" } },
					spec: { containers: [{ name: "main", image: "busybox", command: ["sh", "-c", "echo last words; exit 3"] }] },
				}),
			});
			await eventually(
				"the back-off and two restarts",
				async () => /0\/1 +CrashLoopBackOff +[2-9]/.test(await kubectl("get", "pods", "crashes")),
				SOON_MS,
			);
			const { restartCount, state } = containerOf(await podOf(mesh, NAMESPACE, "app=crashes"), "main");
			assert.ok(restartCount >= 2);
			assert.match(state.waiting?.message ?? "", /back-off 20s restarting failed container=main pod=crashes_broken/);
			assert.equal(await kubectl("logs", "crashes", "--previous"), "last words\n");
			const described = await kubectl("describe", "pod", "crashes");
			assert.match(described, /Last State: +Terminated\n +Reason: +Error\n +Exit Code: +3/);
			assert.match(described, /Warning +BackOff .*Back-off restarting failed container main in pod crashes_broken/);
			await kubectl("delete", "pod", "crashes", "--now");
		});

		test("a program that is not there: the event names it", async () => {
			await kubectl("run", "absent", "--image=busybox", "--command", "--", "/no/such/program");
			const described = await eventually(
				"the event",
				async () => {
					const text = await kubectl("describe", "pod", "absent");
					return /Warning +Failed/.test(text) ? text : undefined;
				},
				SOON_MS,
			);
			assert.match(described, /Error: failed to start container "absent": .*\/no\/such\/program/);
			await kubectl("delete", "pod", "absent", "--now");
		});

		test("a ConfigMap that is not there: the pod says which, and runs when it comes", async () => {
			await mesh.kubectl.ok(["apply", "-n", NAMESPACE, "-f", "-"], {
				input: JSON.stringify({
					apiVersion: "v1",
					kind: "Pod",
					metadata: { name: "waits", labels: { app: "waits" } },
					spec: {
						containers: [
							{
								name: "main",
								image: "busybox",
								command: ["sleep", "1000"],
								envFrom: [{ configMapRef: { name: "later" } }],
							},
						],
					},
				}),
			});
			await eventually(
				"the reason",
				async () => /CreateContainerConfigError/.test(await kubectl("get", "pod", "waits")),
				SOON_MS,
			);
			assert.match(await kubectl("describe", "pod", "waits"), /configmap "later" not found/);
			await kubectl("create", "configmap", "later", "--from-literal=a=b");
			await kubectl("wait", "--for=condition=Ready", "pod/waits", "--timeout=30s");
		});
	});
}
