import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { addressPlan } from "../../lib/address-plan.ts";
import { systemClock } from "../../lib/clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { createKubeClient } from "../client/create-kube-client.ts";
import { silentLog } from "../client/log.ts";
import type { EndpointSlice, Service } from "../client/service.ts";
import { type FakeApiServer, startFakeApiServer } from "../client/testing/fake-api-server.ts";
import { startDnsServer } from "./dns-server.ts";
import { startForwardProxy } from "./forward-proxy.ts";
import { findService, serviceTable } from "./service-table.ts";
import { type Netproxy, type NetproxyOptions, startNetproxy } from "./start-netproxy.ts";

const run = promisify(execFile);
const plan = addressPlan(250);
/** Two pods of Service web, on addresses of the block; each answers with its own name. */
const pods: { server: Server; ip: string; port: number }[] = [];

before(async () => {
	for (const ip of [plan.podIp(0), plan.podIp(1)]) {
		const server = createHttpServer((request, response) => {
			request
				.resume()
				.on("end", () => response.end(`${ip} ${request.method} ${request.url} ${request.headers.host}\n`));
		});
		server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
			socket.write(`HTTP/1.1 101 Switching\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n`);
			socket.pipe(socket);
		});
		server.listen(pods[0]?.port ?? 0, ip);
		await once(server, "listening");
		pods.push({ server, ip, port: (server.address() as AddressInfo).port });
	}
});
after(() => {
	for (const { server } of pods) server.close();
});

function service(name: string, spec: Partial<Service["spec"]>, more: Partial<Service> = {}): Service {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name, namespace: "shop", uid: name },
		spec: { ports: [{ name: "http", port: 80 }], ...spec },
		...more,
	};
}

function slice(name: string, addresses: string[], ready = true): EndpointSlice {
	return {
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: `${name}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
		addressType: "IPv4",
		endpoints: addresses.map((ip, i) => ({ addresses: [ip], conditions: { ready }, hostname: `${name}-${i}` })),
		ports: [{ name: "http", port: pods[0]!.port }],
	};
}

const both = () => pods.map(({ ip }) => ip);
const table = () =>
	serviceTable(
		[
			service("web", { clusterIP: plan.serviceIp(8) }),
			service("empty", { clusterIP: plan.serviceIp(9) }),
			service("peers", { clusterIP: "None" }),
			service("far", { type: "ExternalName", externalName: "web.shop.svc.cluster.local" }),
		],
		[slice("web", both()), slice("empty", both(), false), slice("peers", both())],
	);

test("names: short in the own namespace, with namespace, full, hosts of headless Services", () => {
	for (const name of ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "WEB.shop.svc.cluster.local."])
		assert.equal(findService(table(), name, "shop")?.service.name, "web", name);
	assert.equal(findService(table(), "web", "other"), undefined);
	assert.equal(findService(table(), "web.svc.cluster.local", "shop"), undefined);
	assert.equal(findService(table(), "peers-0.peers.shop.svc.cluster.local", "other")?.host, "peers-0");
	assert.equal(table().get("shop/empty")?.ports[0]?.targets.length, 0);
});

test("endpoints that end still serve when there are no others", () => {
	const ending = slice("web", both(), false);
	for (const endpoint of ending.endpoints ?? [])
		Object.assign(endpoint.conditions, { serving: true, terminating: true });
	const only = serviceTable([service("web", {})], [ending]);
	assert.equal(only.get("shop/web")?.ports[0]?.targets.length, 2);
});

test("DNS answers cluster IPs, headless endpoints, aliases, ports and addresses; other names do not exist", async () => {
	const dns = await startDnsServer({ address: "127.0.0.1", port: 0 }, table, silentLog);
	const resolver = new Resolver({ timeout: 2000, tries: 1 });
	resolver.setServers([`127.0.0.1:${dns.port}`]);
	const full = (name: string) => `${name}.shop.svc.cluster.local`;
	try {
		assert.deepEqual(await resolver.resolve4(full("web")), [plan.serviceIp(8)]);
		assert.deepEqual((await resolver.resolve4(full("peers"))).sort(), both().sort());
		assert.deepEqual(await resolver.resolve4(full("peers-1.peers")), [pods[1]?.ip]);
		assert.deepEqual(await resolver.resolveCname(full("far")), ["web.shop.svc.cluster.local"]);
		const [srv] = await resolver.resolveSrv(full("_http._tcp.web"));
		assert.deepEqual([srv?.name, srv?.port], [full("web"), 80]);
		assert.deepEqual(await resolver.reverse(plan.serviceIp(8)), [full("web")]);
		await assert.rejects(resolver.resolve4(full("nothing")), { code: "ENOTFOUND" });
		await assert.rejects(resolver.resolve4("example.com"), { code: "ENOTFOUND" });
		await assert.rejects(resolver.resolve6(full("web")), { code: "ENODATA" });
		const nonsense = connect(dns.port, "127.0.0.1");
		nonsense.end(Buffer.from([0, 3, 1, 2, 3]));
		await once(nonsense.resume(), "close");
		assert.deepEqual(await resolver.resolve4(full("web")), [plan.serviceIp(8)], "and it still answers");
	} finally {
		await dns.close();
	}
});

test("the forward proxy reaches Services by name in the caller's namespace, tunnels, upgrades, and says what is wrong", async () => {
	const options = { address: "127.0.0.1", port: 0, addressPlan: plan, log: silentLog, table };
	const proxy = await startForwardProxy(options);
	const url = `http://shop:pod@127.0.0.1:${proxy.port}`;
	const curl = async (target: string, ...more: string[]) =>
		(await run("curl", ["-sS", "-m", "5", "-x", url, ...more, target])).stdout;
	try {
		assert.match(await curl("http://web/a?b=1"), /GET \/a\?b=1 web\n/);
		const seen = new Set([await curl("http://web/"), await curl("http://web/")]);
		assert.equal(seen.size, 2, "in turn");
		assert.match(
			await curl("http://web.shop.svc.cluster.local/p", "-d", "x"),
			/POST \/p web\.shop\.svc\.cluster\.local/,
		);
		assert.match(await curl("http://far/f"), /GET \/f far/);
		assert.match(await curl("http://web/t", "--proxytunnel"), /GET \/t web\n/);
		assert.match(await curl(`http://${pods[1]?.ip}:${pods[1]?.port}/direct`), /GET \/direct/);
		const failed = (target: string) => curl(target, "-w", "%{http_code}");
		assert.match(await failed("http://empty/"), /shop\/empty has no ready endpoint\n503$/);
		assert.match(await failed("http://nobody/"), /no such host: nobody\n502$/);
		assert.match(await failed("http://web:81/"), /shop\/web has no port 81\n503$/);
		assert.match(await failed("http://192.0.2.1/"), /outside this mesh.*\n403$/);
		const plain = await run("curl", ["-sS", "-w", "%{http_code}", `http://127.0.0.1:${proxy.port}/`]);
		assert.match(plain.stdout, /forward proxy.*\n400$/);
		assert.equal(await echoThrough(proxy.port, "http://web.shop/ws"), "ping");
	} finally {
		await proxy.close();
	}
});

async function withNetproxy(
	run: (server: FakeApiServer, netproxy: Netproxy) => Promise<void>,
	listen?: NetproxyOptions["listen"],
) {
	const server = await startFakeApiServer();
	const client = createKubeClient({ server: server.url });
	const common = { client, clock: systemClock, random: seededRandom(1), addressPlan: plan, logger: silentLog };
	const put = (plural: string, object: Service | EndpointSlice) => server.put(plural, object);
	put("services", service("web", { clusterIP: plan.serviceIp(8) }));
	put("endpointslices", slice("web", both()));
	const netproxy = await startNetproxy({ ...common, listen });
	try {
		await run(server, netproxy);
	} finally {
		await netproxy.close();
		client.close();
		await server.close();
	}
}

const door = (ip: string) => `http://${ip}/x`;
const get = async (url: string) => (await run("curl", ["-sS", "-m", "5", url])).stdout;
/** How a connection fails; "open" when it does not. */
const codeOf = (ip: string, port: number): Promise<string> =>
	new Promise((resolve) => {
		const socket = connect(port, ip);
		socket.setTimeout(100, () => resolve("open"));
		socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
		socket.on("close", () => resolve("closed"));
	});

test("a cluster IP passes TCP on in turn, skips a pod that is gone, follows endpoints, closes with its Service", () =>
	withNetproxy(async (server) => {
		const ip = plan.serviceIp(8);
		const first = await get(door(ip));
		assert.notEqual(first, await get(door(ip)));
		server.put("endpointslices", slice("web", [plan.podIp(7), pods[0]!.ip]));
		await eventually(async () => assert.match(await get(door(ip)), new RegExp(`^${pods[0]?.ip} `)));
		assert.match(await get(door(ip)), new RegExp(`^${pods[0]?.ip} `), "the dead pod is passed over");
		server.put("endpointslices", slice("web", []));
		await eventually(async () => assert.equal(await codeOf(ip, 80), "ECONNRESET"));
		server.remove("services", "web", "shop");
		await eventually(async () => assert.equal(await codeOf(ip, 80), "ECONNREFUSED"));
	}));

test("low LoadBalancer ports that may not be opened move up and are written on the Service", async () => {
	const asOrdinaryUser: NetproxyOptions["listen"] = (server, port, address) =>
		new Promise((resolve, reject) => {
			if (port < 1024) return reject(Object.assign(new Error("no"), { code: "EACCES" }));
			server.once("error", reject).listen(port, address, resolve);
		});
	await withNetproxy(async (server) => {
		const address = plan.loadBalancerIp(0);
		const ports = [
			{ name: "http", port: 80 },
			{ name: "https", port: 443 },
		];
		const status = { loadBalancer: { ingress: [{ ip: address }] } };
		server.put("services", service("web", { type: "LoadBalancer", ports }, { status }));
		const annotated = () => server.get("services", "web", "shop")?.metadata.annotations?.["lateen.dev/opened-ports"];
		await server.until(() => (annotated() === "443:8443,80:8080" ? true : undefined), "the annotation");
		assert.match(await get(`http://${address}:8080/lb`), /GET \/lb/);
		const clusterIpPort = server.all("events").find((event) => String(event.message).includes("ClusterIP port"));
		assert.ok(clusterIpPort === undefined || clusterIpPort.reason === "PortNotOpened");
	}, asOrdinaryUser);
});

test("a port in use is told on the Service, and opened as soon as it is free", () =>
	withNetproxy(async (server) => {
		const holder = createTcpServer().listen(0, "127.0.0.1");
		await once(holder, "listening");
		const { port: nodePort } = holder.address() as AddressInfo;
		server.put("services", service("busy", { type: "NodePort", ports: [{ name: "http", port: 81, nodePort }] }));
		server.put("endpointslices", slice("busy", both()));
		const event = await server.until(
			() => server.all("events").find((each) => each.reason === "PortInUse"),
			"the event",
		);
		assert.match(String(event.message), new RegExp(`^NodePort port 127\\.0\\.0\\.1:${nodePort} is in use`));
		holder.close();
		server.put("services", service("other", {})); // any change makes it look again
		await eventually(async () => assert.match(await get(`http://127.0.0.1:${nodePort}/np`), /GET \/np/));
	}));

test("a second netproxy on the same block is refused with a Problem", () =>
	withNetproxy(async (server) => {
		const client = createKubeClient({ server: server.url });
		const common = { client, clock: systemClock, random: seededRandom(1), addressPlan: plan, logger: silentLog };
		await assert.rejects(startNetproxy(common), /LTN6201 127\.250\.0\.1:15053: the node's DNS port is in use/);
		client.close();
	}));

/** Sends an upgrade through the proxy and "ping" after it; returns what comes back. */
async function echoThrough(port: number, url: string): Promise<string> {
	const socket = connect(port, "127.0.0.1");
	socket.write(`GET ${url} HTTP/1.1\r\nHost: web.shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
	const [head] = (await once(socket, "data")) as [Buffer];
	assert.match(head.toString(), /^HTTP\/1\.1 101 /);
	socket.write("ping");
	const [body] = (await once(socket, "data")) as [Buffer];
	socket.destroy();
	return body.toString();
}

async function eventually(check: () => Promise<void>, timeoutMs = 4000): Promise<void> {
	const deadlineMs = performance.now() + timeoutMs;
	for (;;) {
		try {
			return await check();
		} catch (error) {
			if (performance.now() > deadlineMs) throw error;
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}
}
