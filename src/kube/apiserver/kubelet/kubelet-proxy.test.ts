import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";
import { kubectlPath, openKubectl } from "../fixture/kubectl.ts";

const TOKEN = "kubelet-secret";
const SUCCESS = JSON.stringify({ metadata: {}, status: "Success" });

/** A kubelet as far as docs/contracts.md describes one: logs, and exec that answers its command and stdin. */
function startKubelet(calls: string[]): Promise<Server> {
	const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v5.channel.k8s.io" });
	const server = createServer((request, response) => {
		calls.push(`${request.method} ${request.url}`);
		if (request.headers.authorization !== `Bearer ${TOKEN}`) {
			response.writeHead(401).end("no");
		} else if (request.url?.includes("previous=true")) {
			response.writeHead(400).end('previous terminated container "app" in pod "web" not found');
		} else {
			response.writeHead(200, { "content-type": "text/plain" }).write("one\n");
			if (request.url?.includes("follow=true")) setTimeout(() => response.end("two\n"), 50);
			else response.end();
		}
	});
	server.on("upgrade", (request, socket, head) => {
		calls.push(`UPGRADE ${request.url} ${request.headers.authorization}`);
		const { searchParams } = new URL(request.url ?? "", "http://kubelet");
		if (searchParams.get("command") === "missing") {
			const body = "container not running";
			socket.end(`HTTP/1.1 500 Error\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
			return;
		}
		sockets.handleUpgrade(request, socket, head, (connection) => {
			connection.send(Buffer.from(`\x01${searchParams.getAll("command").join(" ")}\n`));
			connection.send(Buffer.from(`\x03${SUCCESS}`));
			connection.close(1000);
		});
	});
	return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

let api: ApiServerFixture;
let kubelet: Server;
const calls: string[] = [];
const PODS = "/api/v1/namespaces/default/pods";

before(async () => {
	api = await startFixture();
	kubelet = await startKubelet(calls);
	await writeFile(join(api.folder, "kubelet-token"), TOKEN);
	const { port } = kubelet.address() as AddressInfo;
	await api.expect("POST", "/api/v1/nodes", {
		apiVersion: "v1",
		kind: "Node",
		metadata: { name: "n1" },
		status: {
			addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
			daemonEndpoints: { kubeletEndpoint: { Port: port } },
		},
	});
	const pod = (name: string, ...containers: string[]) => ({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name },
		spec: { nodeName: "n1", containers: containers.map((container) => ({ name: container, image: "i" })) },
	});
	await api.expect("POST", PODS, pod("web", "app"));
	await api.expect("POST", PODS, pod("two", "app", "istio-proxy"));
	await api.expect("POST", PODS, { ...pod("idle", "app"), spec: { containers: [{ name: "app", image: "i" }] } });
});

after(async () => {
	kubelet.closeAllConnections();
	kubelet.close();
	await api[Symbol.asyncDispose]();
});

test("logs are streamed from the kubelet of the pod's node, with the questions that it knows", async () => {
	const plain = await api.send("GET", `${PODS}/web/log?tailLines=5&pretty=true`);
	assert.equal(plain.text, "one\n");
	assert.equal(plain.headers["content-type"], "text/plain");
	assert.equal(calls.at(-1), "GET /containerLogs/default/web/app?tailLines=5");
	assert.equal((await api.send("GET", `${PODS}/web/log?follow=true`)).text, "one\ntwo\n");
});

test("refusals are Kubernetes' texts", async () => {
	const message = async (path: string) => {
		const { code, json } = await api.send("GET", path);
		return `${code} ${json.message}`;
	};
	assert.equal(
		await message(`${PODS}/two/log`),
		"400 a container name must be specified for pod two, choose one of: [app istio-proxy]",
	);
	assert.equal(await message(`${PODS}/web/log?container=x`), "400 container x is not valid for pod web");
	assert.equal(await message(`${PODS}/idle/log`), "400 pod idle does not have a host assigned");
	assert.equal(await message(`${PODS}/none/log`), '404 pods "none" not found');
	assert.equal(
		await message(`${PODS}/web/log?previous=true`),
		'400 previous terminated container "app" in pod "web" not found',
	);
});

test("exec joins client and kubelet; the client's token stays here, the kubelet gets its own", async () => {
	const { server } = api;
	const url = `${server.url.replace("https", "wss")}${PODS}/web/exec?command=echo&command=hi&stdout=true`;
	const socket = new WebSocket(url, ["v5.channel.k8s.io"], {
		ca: server.caPem,
		headers: { authorization: `Bearer ${server.adminToken}` },
	});
	const messages: string[] = [];
	socket.on("message", (data) => messages.push(String(data)));
	const code = await new Promise<number>((resolve, reject) => {
		socket.on("close", resolve);
		socket.on("error", reject);
	});
	assert.equal(code, 1000);
	assert.equal(socket.protocol, "v5.channel.k8s.io");
	assert.deepEqual(messages, ["\x01echo hi\n", `\x03${SUCCESS}`]);
	assert.equal(calls.at(-1), `UPGRADE /exec/default/web/app?command=echo&command=hi&stdout=true Bearer ${TOKEN}`);
});

test("a refused exec is answered with a Status", async () => {
	const { server } = api;
	const refused = (path: string, authorization: string) =>
		new Promise<string>((resolve, reject) => {
			const socket = new WebSocket(`${server.url.replace("https", "wss")}${path}`, ["v5.channel.k8s.io"], {
				ca: server.caPem,
				headers: { authorization },
			});
			socket.on("unexpected-response", (_request, response) => {
				let text = "";
				response.on("data", (chunk) => {
					text += chunk;
				});
				response.on("end", () => resolve(`${response.statusCode} ${JSON.parse(text).message}`));
			});
			socket.on("error", reject);
		});
	const admin = `Bearer ${server.adminToken}`;
	assert.equal(await refused(`${PODS}/none/exec?command=x`, admin), '404 pods "none" not found');
	assert.equal(await refused(`${PODS}/web/exec?command=x`, "Bearer no"), "401 Unauthorized");
	assert.equal(await refused(`${PODS}/web/exec`, admin), "400 you must specify at least one command for the container");
	assert.equal(await refused(`${PODS}/web/exec?command=missing`, admin), "500 container not running");
	assert.equal(
		await refused(`${PODS}/web/portforward`, admin),
		"501 pods/portforward is not supported by this server yet",
	);
});

test("kubectl logs and exec", kubectlPath === undefined ? { skip: "this machine has no kubectl" } : {}, async () => {
	const kubectl = await openKubectl(api.folder, api.server.kubeconfig);
	assert.equal((await kubectl("logs web")).stdout, "one\n");
	assert.equal((await kubectl("logs -f two -c app")).stdout, "one\ntwo\n");
	assert.equal((await kubectl("exec web -- echo hi there")).stdout, "echo hi there\n");
	const missing = await kubectl("exec none -- x");
	assert.equal(missing.stderr.trim(), 'Error from server (NotFound): pods "none" not found');
	assert.match((await kubectl("exec web -c nope -- x")).stderr, /container nope (is )?not (valid|found)/);
});
