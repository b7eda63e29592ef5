import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { conditionOf, isPodReady, type Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Node } from "../client/service.ts";
import { findMarked } from "./process-identity.ts";
import { type KubeletFixture, script, shell, withKubelet } from "./testing/kubelet-fixture.ts";

const statusOf = (pod: Pod, name: string) =>
	[...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((s) => s.name === name);
const restarts = (pod: Pod, name = "app") => statusOf(pod, name)?.restartCount ?? 0;
const logsOf = (fixture: KubeletFixture, pod: string, query = "", container = "app") =>
	fixture.fetch(`/containerLogs/default/${pod}/${container}?${query}`);
const pidOf = (dataDir: string, uid: string, container = "app"): number =>
	JSON.parse(readFileSync(join(dataDir, "pods", uid, "state.json"), "utf8")).containers[container].process?.pid;

const SERVER = "require('http').createServer((q, a) => a.end(process.env.HOSTNAME)).listen(8080)";

test("the node is registered, ready and holds a lease", () =>
	withKubelet(async ({ server, plan, kubelet }) => {
		const node = server.get("nodes", "here");
		const status = node?.status as NonNullable<Node["status"]>;
		assert.equal(conditionOf({ status }, "Ready")?.status, "True");
		assert.deepEqual(status.addresses?.[0]?.address, plan.nodeIp);
		assert.deepEqual(status.daemonEndpoints, { kubeletEndpoint: { Port: kubelet.port } });
		await server.until(() => server.get("leases", "here", "kube-node-lease"), "the lease");
	}));

test("a pod runs, answers on its own address, is ready at once and stops gracefully", () =>
	withKubelet(async (fixture) => {
		const code = `${SERVER}; process.on('SIGTERM', () => { console.log('bye'); process.exit(0); })`;
		const readinessProbe = { httpGet: { path: "/", port: "http" } };
		const app = script("app", code, { readinessProbe, ports: [{ name: "http", containerPort: 8080 }] });
		const startedMs = performance.now();
		fixture.run("web", { containers: [app] });
		const pod = await fixture.until("web", "ready", isPodReady);
		assert.ok(performance.now() - startedMs < 3000, "long before the probe's period of 10 s");
		const { podIP, phase, hostIP } = pod.status ?? {};
		assert.deepEqual([podIP, phase, hostIP], [fixture.plan.podIp(0), "Running", fixture.plan.nodeIp]);
		assert.equal(await body(`http://${podIP}:8080/`), "web");
		for (const type of ["PodReadyToStartContainers", "Initialized", "ContainersReady", "PodScheduled"])
			assert.equal(conditionOf(pod, type)?.status, "True", type);
		assert.match(statusOf(pod, "app")?.containerID ?? "", /^lateen:\/\/[0-9a-f]{32}$/);
		const reasons = () => fixture.server.all("events").map((event) => event.reason);
		await fixture.server.until(() => (reasons().includes("Started") ? true : undefined), "events");
		assert.deepEqual(reasons().slice(0, 3), ["Pulled", "Created", "Started"]);
		const pid = pidOf(fixture.dataDir, pod.metadata.uid ?? "");
		await fixture.client.delete(RESOURCES.pods, "web", { namespace: "default" });
		await fixture.server.until(() => (fixture.pod("web") ? undefined : true), "the pod is gone");
		assert.ok(!existsSync(`/proc/${pid}`));
	}));

test("a sidecar has the pod's address, the application its own, and the environment says so", () =>
	withKubelet(async (fixture) => {
		const print = "console.log(JSON.stringify(process.env))";
		fixture.run(
			"mesh",
			{
				containers: [
					script("app", `${print}; setInterval(() => {}, 1e6)`, {
						env: [
							{ name: "GREETING", value: "hello $(WHO) $$(WHO) $(NOBODY)" },
							{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
							{ name: "LABEL", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
							{ name: "SECRET", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
						],
						envFrom: [{ prefix: "", configMapRef: { name: "c" } }],
					}),
					script("istio-proxy", `${print}; setInterval(() => {}, 1e6)`),
				],
			},
			{ labels: { app: "mesh" } },
		);
		const waiting = await fixture.until("mesh", "waits for its ConfigMap", (pod) => {
			return statusOf(pod, "app")?.state.waiting?.reason === "CreateContainerConfigError";
		});
		assert.equal(statusOf(waiting, "app")?.state.waiting?.message, 'configmap "c" not found');
		fixture.server.put("secrets", { metadata: { name: "s", namespace: "default" }, data: { k: "c2VjcmV0" } });
		fixture.server.put("configmaps", { metadata: { name: "c", namespace: "default" }, data: { WHO: "you" } });
		fixture.server.put("services", {
			metadata: { name: "my-svc", namespace: "default" },
			spec: { clusterIP: "127.60.128.5", ports: [{ name: "http", port: 9080 }] },
		});
		fixture.server.remove("pods", "mesh", "default");
		fixture.run("mesh2", fixture.pod("mesh")?.spec ?? waiting.spec, { labels: { app: "mesh" } });
		const pod = await fixture.until("mesh2", "ready", isPodReady);
		const podIP = pod.status?.podIP ?? "";
		const read = async (container: string) => JSON.parse(await eventually(fixture, "mesh2", container, /\}\n/));
		const app = await read("app");
		const appIp = fixture.plan.appIp(podIP);
		assert.deepEqual(
			[app.HOSTNAME, app.POD_IP, app.HOST, app.LATEEN_APP_IP, app.LATEEN_POD_IP, app.http_proxy, app.no_proxy],
			["mesh2", appIp, appIp, appIp, podIP, `http://${podIP}:15007`, "localhost,127.0.0.1,::1"],
		);
		assert.deepEqual(
			[app.GREETING, app.NODE, app.LABEL, app.SECRET, app.FROM_IMAGE],
			["hello you $(WHO) $(NOBODY)", "here", "mesh", "secret", "yes"],
		);
		assert.deepEqual([app.MY_SVC_SERVICE_HOST, app.MY_SVC_SERVICE_PORT_HTTP], ["127.60.128.5", "9080"]);
		assert.equal(app.NODE_USE_ENV_PROXY, "1");
		assert.ok(app.PATH.startsWith(join(fixture.dataDir, "bin")));
		const proxy = await read("istio-proxy");
		assert.deepEqual([proxy.POD_IP, proxy.LATEEN_APP_IP, proxy.http_proxy], [podIP, appIp, undefined]);
	}));

test("a killed container comes back at once, a crashing one waits, its last log is kept", () =>
	withKubelet(async (fixture) => {
		fixture.run("web", { containers: [script("app", "console.log('up'); setInterval(() => {}, 1e6)")] });
		const first = await fixture.until("web", "ready", isPodReady);
		await eventually(fixture, "web", "app", /up\n/);
		process.kill(pidOf(fixture.dataDir, first.metadata.uid ?? ""), "SIGKILL");
		const second = await fixture.until("web", "restarted", (pod) => restarts(pod) === 1 && isPodReady(pod));
		assert.deepEqual(statusOf(second, "app")?.lastState.terminated?.signal, 9);
		assert.equal((await logsOf(fixture, "web", "previous=true")).text, "up\n");

		fixture.run("crash", { containers: [shell("app", "echo oh no; exit 3")] });
		const looping = await fixture.until("crash", "backs off", (pod) => {
			return statusOf(pod, "app")?.state.waiting?.reason === "CrashLoopBackOff";
		});
		assert.deepEqual([statusOf(looping, "app")?.lastState.terminated?.exitCode, restarts(looping)], [3, 1]);
		assert.match(
			statusOf(looping, "app")?.state.waiting?.message ?? "",
			/^back-off 10s restarting failed container=app/,
		);
		assert.equal(looping.status?.phase, "Running");
	}));

test("init containers run one after the other, a native sidecar beside the rest, and the pod completes", () =>
	withKubelet(async (fixture) => {
		const mount = { name: "shared", mountPath: "/shared" };
		const add = (name: string) => shell(name, `echo ${name} >> /shared/order`, { volumeMounts: [mount] });
		const sidecar = script(
			"side",
			"require('fs').appendFileSync(process.argv[1], 'side\\n'); setInterval(() => {}, 1e6)",
			{
				restartPolicy: "Always",
				volumeMounts: [mount],
			},
		);
		sidecar.args = [...(sidecar.args ?? []), "/shared/order"];
		sidecar.startupProbe = {
			exec: { command: ["/bin/sh", "-c", "grep side /shared/order || grep side $HOME/../../volumes/shared/order"] },
		};
		fixture.run("job", {
			restartPolicy: "Never",
			volumes: [{ name: "shared", emptyDir: {} }],
			initContainers: [add("first"), sidecar, add("second")],
			containers: [shell("app", "cat /shared/order", { volumeMounts: [mount] })],
		});
		const pod = await fixture.until("job", "succeeded", (seen) => seen.status?.phase === "Succeeded");
		assert.equal((await logsOf(fixture, "job")).text, "first\nside\nsecond\n");
		assert.equal(conditionOf(pod, "Ready")?.reason, "PodCompleted");
		const ended = await fixture.until("job", "sidecar ended", (seen) =>
			Boolean(statusOf(seen, "side")?.state.terminated),
		);
		assert.equal(restarts(ended, "side"), 0);
	}));

test("volumes show ConfigMaps, Secrets and the pod itself, and follow changes", () =>
	withKubelet(async (fixture) => {
		fixture.server.put("configmaps", { metadata: { name: "c", namespace: "default" }, data: { "a.txt": "one" } });
		fixture.server.put("secrets", { metadata: { name: "s", namespace: "default" }, data: { key: "c2VjcmV0" } });
		const volumeMounts = [
			{ name: "conf", mountPath: "/etc/conf" },
			{ name: "all", mountPath: "/etc/all" },
		];
		const volumes = [
			{ name: "conf", configMap: { name: "c" } },
			{
				name: "all",
				projected: {
					sources: [
						{ secret: { name: "s", items: [{ key: "key", path: "deep/er" }] } },
						{ downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
					],
				},
			},
		];
		const line = "cat /etc/conf/a.txt /etc/all/deep/er /etc/all/name; sleep 1000";
		const pod = fixture.run("vol", { volumes, containers: [shell("app", line, { volumeMounts })] });
		assert.equal(await eventually(fixture, "vol", "app", /vol/), "onesecretvol");
		const file = join(fixture.dataDir, "pods", pod.metadata.uid ?? "", "volumes", "conf", "a.txt");
		fixture.server.put("configmaps", { metadata: { name: "c", namespace: "default" }, data: { "a.txt": "two" } });
		await poll(() => readFileSync(file, "utf8") === "two");
		const secret = join(fixture.dataDir, "pods", pod.metadata.uid ?? "", "volumes", "all", "deep", "er");
		assert.equal(statSync(secret).mode & 0o777, 0o600);
	}));

test("an unknown image says how to map it; an annotation maps it", () =>
	withKubelet(async (fixture) => {
		fixture.run("unknown", { containers: [{ name: "app", image: "example/recommendation:v3" }] });
		const pod = await fixture.until("unknown", "is refused", (seen) => {
			return statusOf(seen, "app")?.state.waiting?.reason === "ImagePullBackOff";
		});
		assert.match(
			statusOf(pod, "app")?.state.waiting?.message ?? "",
			/"example\/recommendation:v3" is not known.*lateen\.yaml/,
		);
		assert.equal(pod.status?.phase, "Pending");
		const annotations = { "lateen.dev/command": "echo mapped; sleep 1000" };
		fixture.run("mapped", { containers: [{ name: "app", image: "example/x:1" }] }, { annotations });
		assert.equal(await eventually(fixture, "mapped", "app", /\n/), "mapped\n");
		const nothing = { name: "app", image: "busybox", command: ["/no/such/binary"] };
		fixture.run("nothing", { containers: [nothing] });
		await fixture.until("nothing", "cannot start", (seen) => {
			return statusOf(seen, "app")?.lastState.terminated?.reason === "StartError";
		});
	}));

test("liveness restarts a container, readiness only takes it out of service", () =>
	withKubelet(async (fixture) => {
		const every = { periodSeconds: 1, failureThreshold: 1 };
		const flag = "$HOME/bad";
		const containers = [
			shell("app", "exec sleep 1000", {
				livenessProbe: { exec: { command: ["/bin/sh", "-c", `test ! -e ${flag}`] }, ...every },
				readinessProbe: { exec: { command: ["/bin/sh", "-c", "test ! -e $HOME/busy"] }, ...every },
			}),
		];
		const { metadata } = fixture.run("probe", { containers, terminationGracePeriodSeconds: 1 });
		await fixture.until("probe", "ready", isPodReady);
		await exec(fixture, "probe", ["/bin/sh", "-c", "touch $HOME/busy"]);
		const out = await fixture.until("probe", "unready", (pod) => !isPodReady(pod));
		assert.deepEqual([restarts(out), conditionOf(out, "Ready")?.reason], [0, "ContainersNotReady"]);
		await exec(fixture, "probe", ["/bin/sh", "-c", "rm $HOME/busy; touch $HOME/bad"]);
		await fixture.until("probe", "killed", (pod) => restarts(pod) >= 1);
		const reasons = fixture.server.all("events").map((event) => event.reason);
		assert.ok(reasons.includes("Unhealthy") && reasons.includes("Killing"), reasons.join());
		assert.ok(metadata.uid);
	}));

test("logs: tail, timestamps, since, follow to the end", () =>
	withKubelet(async (fixture) => {
		fixture.run("log", {
			restartPolicy: "Never",
			containers: [shell("app", "echo a; echo b >&2; echo c; read x; echo d")],
		});
		await fixture.until("log", "ended", (pod) => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed");
		assert.equal((await logsOf(fixture, "log", "tailLines=2")).text, "c\nd\n");
		const stamped = (await logsOf(fixture, "log", "timestamps=true&tailLines=1")).text;
		assert.match(stamped, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z d\n$/);
		assert.equal((await logsOf(fixture, "log", "limitBytes=3")).text, "a\nb");
		assert.equal((await logsOf(fixture, "log", "sinceSeconds=3600")).text, "a\nb\nc\nd\n");
		assert.equal((await logsOf(fixture, "log", "previous=true")).status, 400);
		fixture.run("slow", { restartPolicy: "Never", containers: [shell("app", "echo one; sleep 0.3; echo two")] });
		await eventually(fixture, "slow", "app", /one/);
		assert.equal((await logsOf(fixture, "slow", "follow=true")).text, "one\ntwo\n");
		const wrong = await fetch(`http://${fixture.plan.nodeIp}:${fixture.kubelet.port}/containerLogs/default/log/app`);
		assert.equal(wrong.status, 401);
		assert.equal((await logsOf(fixture, "nobody")).status, 404);
	}));

test("exec gives output, exit code and stdin; its environment is the container's", () =>
	withKubelet(async (fixture) => {
		fixture.run("box", { containers: [script("app", SERVER, { readinessProbe: { tcpSocket: { port: 8080 } } })] });
		await fixture.until("box", "ready", isPodReady);
		const three = await exec(fixture, "box", ["/bin/sh", "-c", "echo $HOSTNAME; echo oops >&2; exit 3"]);
		assert.deepEqual([three.stdout, three.stderr, three.code], ["box\n", "oops\n", "3"]);
		const cat = await exec(fixture, "box", ["cat"], "through");
		assert.deepEqual([cat.stdout, cat.code], ["through", undefined]);
		const missing = await exec(fixture, "box", ["no-such-command"]);
		assert.deepEqual(
			[missing.code, missing.message],
			["127", 'exec: "no-such-command": executable file not found in $PATH'],
		);
		const curl = await exec(fixture, "box", ["curl", "-sS", "localhost:8080"]);
		assert.deepEqual([curl.stdout, curl.stderr], ["box", ""], "localhost is the pod's own");
	}));

test("containers survive the kubelet; the next one adopts them, ends strays and restarts what died meanwhile", () =>
	withKubelet(async (fixture) => {
		const idle = "setInterval(() => {}, 1e6)";
		const stays = fixture.run("stays", { containers: [script("app", idle)] });
		const dies = fixture.run("dies", { containers: [script("app", idle)] });
		const leaves = fixture.run("leaves", { containers: [script("app", idle)] });
		for (const name of ["stays", "dies", "leaves"]) await fixture.until(name, "ready", isPodReady);
		const pids = [stays, dies, leaves].map((pod) => pidOf(fixture.dataDir, pod.metadata.uid ?? ""));
		await fixture.kubelet.detach();
		assert.equal(findMarked(fixture.dataDir).length, 3, "they run on");
		process.kill(pids[1] ?? 0, "SIGKILL");
		fixture.server.remove("pods", "leaves", "default");
		await poll(() => !existsSync(`/proc/${pids[1]}`));
		fixture.kubelet = await fixture.start();
		await fixture.until("dies", "restarted", (pod) => restarts(pod) === 1 && isPodReady(pod));
		await poll(() => !existsSync(`/proc/${pids[2]}`));
		assert.equal(pidOf(fixture.dataDir, stays.metadata.uid ?? ""), pids[0], "the same process");
		assert.equal(restarts(fixture.pod("stays")!), 0);
		assert.equal((await exec(fixture, "stays", ["/bin/sh", "-c", "echo $HOSTNAME"])).stdout, "stays\n");
		process.kill(pids[0] ?? 0, "SIGKILL");
		await fixture.until("stays", "restarted", (pod) => restarts(pod) === 1 && isPodReady(pod));
		assert.deepEqual(readdirSync(join(fixture.dataDir, "pods")).length, 2);
	}));

test("every container of a pod is adopted before any of them is looked after", () =>
	withKubelet(async (fixture) => {
		const idle = "setInterval(() => {}, 1e6)";
		const names = ["app", "second", "third"];
		const { metadata } = fixture.run("trio", {
			containers: names.map((name) => ({ ...script("app", idle), name })),
		});
		await fixture.until("trio", "ready", isPodReady);
		const pids = () => names.map((name) => pidOf(fixture.dataDir, metadata.uid ?? "", name));
		const before = pids();
		await fixture.kubelet.detach();
		fixture.kubelet = await fixture.start();
		// When a pod that came later is ready, whatever happened to this one has happened.
		fixture.run("later", { containers: [script("app", idle)] });
		await fixture.until("later", "ready", isPodReady);
		assert.deepEqual(pids(), before, "the same processes");
		assert.equal(findMarked(fixture.dataDir).length, 4, "and no other");
	}));

test("after a shutdown the pods run again at once, whatever their back-off was", () =>
	withKubelet(async (fixture) => {
		const { metadata } = fixture.run("web", { containers: [script("app", "setInterval(() => {}, 1e6)")] });
		await fixture.until("web", "ready", isPodReady);
		process.kill(pidOf(fixture.dataDir, metadata.uid ?? ""), "SIGKILL");
		await fixture.until("web", "restarted", (pod) => restarts(pod) === 1 && isPodReady(pod));
		for (const count of [2, 3]) {
			await fixture.kubelet.stop();
			assert.deepEqual(findMarked(fixture.dataDir), []);
			fixture.kubelet = await fixture.start();
			await fixture.until("web", "runs again", (pod) => restarts(pod) === count && isPodReady(pod));
		}
	}));

test("a forced deletion ends the processes at once; children go with their container", () =>
	withKubelet(async (fixture) => {
		const pod = fixture.run("stubborn", { containers: [shell("app", "trap '' TERM; sleep 1000 & sleep 1000; wait")] });
		await fixture.until("stubborn", "ready", isPodReady);
		await poll(() => findMarked(fixture.dataDir).length === 3);
		await fixture.client.delete(RESOURCES.pods, "stubborn", { namespace: "default", gracePeriodSeconds: 0 });
		await poll(() => findMarked(fixture.dataDir).length === 0);
		await poll(() => !existsSync(join(fixture.dataDir, "pods", pod.metadata.uid ?? "")));
	}));

async function poll(is: () => boolean, timeoutMs = 5000): Promise<void> {
	const deadlineMs = performance.now() + timeoutMs;
	while (!is()) {
		assert.ok(performance.now() < deadlineMs, `waited ${timeoutMs} ms for ${is}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

/** The log of a container as soon as it matches. */
async function eventually(fixture: KubeletFixture, pod: string, container: string, pattern: RegExp): Promise<string> {
	const deadlineMs = performance.now() + 5000;
	for (;;) {
		const { status, text } = await logsOf(fixture, pod, "", container);
		if (status === 200 && pattern.test(text)) return text;
		assert.ok(performance.now() < deadlineMs, `the log of ${pod} does not match ${pattern}: ${text}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

function body(url: string): Promise<string> {
	return new Promise((resolve, reject) => {
		get(url, { agent: false }, (answer) => {
			let text = "";
			answer.on("data", (chunk) => (text += chunk)).on("end", () => resolve(text));
		}).on("error", reject);
	});
}

interface ExecOutcome {
	stdout: string;
	stderr: string;
	code: string | undefined;
	message: string | undefined;
}

function exec(fixture: KubeletFixture, pod: string, command: string[], stdin?: string): Promise<ExecOutcome> {
	const query = new URLSearchParams({
		stdout: "true",
		stderr: "true",
		...(stdin === undefined ? {} : { stdin: "true" }),
	});
	for (const word of command) query.append("command", word);
	const url = `ws://${fixture.plan.nodeIp}:${fixture.kubelet.port}/exec/default/${pod}/app?${query}`;
	const headers = { authorization: `Bearer ${fixture.token()}` };
	const socket = new WebSocket(url, ["v5.channel.k8s.io", "v4.channel.k8s.io"], { headers });
	const outcome: ExecOutcome = { stdout: "", stderr: "", code: undefined, message: undefined };
	return new Promise((resolve, reject) => {
		socket.on("open", () => {
			if (stdin === undefined) return;
			socket.send(Buffer.concat([Buffer.of(0), Buffer.from(stdin)]));
			socket.send(Buffer.of(255, 0));
		});
		socket.on("message", (data: Buffer) => {
			const text = data.subarray(1).toString();
			if (data[0] === 1) outcome.stdout += text;
			if (data[0] === 2) outcome.stderr += text;
			if (data[0] !== 3) return;
			const status = JSON.parse(text);
			outcome.code = status.details?.causes[0].message;
			outcome.message = status.message;
		});
		socket.on("close", () => resolve(outcome));
		socket.on("error", reject);
	});
}
