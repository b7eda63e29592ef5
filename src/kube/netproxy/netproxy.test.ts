import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { createServer as createHttpServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { seededRandom } from "../../lib/random.ts";
import { startDnsServer } from "./dns-server.ts";
import { createForwardProxy } from "./forward-proxy.ts";
import { type DoorReport, PortForwarders } from "./port-forwarders.ts";
import { type EndpointSliceObject, type ServiceObject, ServiceTable } from "./service-table.ts";

const run = promisify(execFile);
let app: Server;
let appPort: number;

before(async () => {
	app = createHttpServer((request, response) => {
		request.resume().on("end", () => response.end(`${request.method} ${request.url} ${request.headers.host}\n`));
	}).listen(0, "127.0.0.1");
	await once(app, "listening");
	appPort = (app.address() as AddressInfo).port;
});
after(() => {
	app.closeAllConnections();
	app.close();
});

function service(name: string, spec: Partial<ServiceObject["spec"]>): ServiceObject {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name, namespace: "shop" },
		spec: { ports: [{ name: "http", port: 80 }], ...spec },
	};
}

function slice(name: string, ready = true): EndpointSliceObject {
	return {
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: `${name}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
		endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready } }],
		ports: [{ name: "http", port: appPort }],
	};
}

const table = () =>
	new ServiceTable(
		[
			service("web", { clusterIP: "127.250.128.9" }),
			service("empty", { clusterIP: "127.250.128.10" }),
			service("peers", { clusterIP: "None" }),
			service("far", { externalName: "web.shop.svc.cluster.local" }),
		],
		[slice("web"), slice("empty", false), slice("peers")],
	);

test("names: short in the own namespace, with namespace, full; endpoints only when ready", () => {
	const t = table();
	for (const name of ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "WEB.shop.svc.cluster.local."]) {
		assert.equal(t.find(name, 80, "shop")?.endpoints.length, 1, name);
	}
	assert.equal(t.find("web", 80, "other"), undefined);
	assert.equal(t.find("web", 81, "shop"), undefined);
	assert.equal(t.find("empty", 80, "shop")?.endpoints.length, 0);
});

test("DNS answers cluster IPs, headless endpoints and aliases; other names do not exist", async () => {
	const dns = await startDnsServer("127.0.0.1", 0, table);
	const resolver = new Resolver({ timeout: 2000, tries: 1 });
	resolver.setServers([`127.0.0.1:${dns.port}`]);
	try {
		assert.deepEqual(await resolver.resolve4("web.shop.svc.cluster.local"), ["127.250.128.9"]);
		assert.deepEqual(await resolver.resolve4("peers.shop.svc.cluster.local"), ["127.0.0.1"]);
		assert.deepEqual(await resolver.resolveCname("far.shop.svc.cluster.local"), ["web.shop.svc.cluster.local"]);
		await assert.rejects(resolver.resolve4("nothing.shop.svc.cluster.local"), { code: "ENOTFOUND" });
		await assert.rejects(resolver.resolve6("web.shop.svc.cluster.local"), { code: "ENODATA" });
	} finally {
		await dns.close();
	}
});

test("the forward proxy reaches a Service by its short name in the caller's namespace, and says what is wrong", async () => {
	const proxy = createForwardProxy(table, seededRandom(1)).listen(0, "127.0.0.1");
	await once(proxy, "listening");
	const url = `http://shop:pod@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
	const curl = async (target: string, ...more: string[]) =>
		(await run("curl", ["-sS", "-m", "5", "-x", url, ...more, target])).stdout;
	try {
		assert.equal(await curl("http://web/a?b=1"), "GET /a?b=1 web\n");
		assert.equal(
			await curl("http://web.shop.svc.cluster.local/p", "-d", "body"),
			"POST /p web.shop.svc.cluster.local\n",
		);
		assert.equal(await curl("http://web/t", "--proxytunnel"), "GET /t web\n");
		assert.match(
			await curl("http://empty/", "-w", "%{http_code}"),
			/no ready endpoint of Service empty\.shop[\s\S]*503$/,
		);
		assert.match(await curl("http://nobody/", "-w", "%{http_code}"), /no Service is named nobody[\s\S]*502$/);
		assert.match(await curl("http://web:81/", "-w", "%{http_code}"), /Service web has no port 81[\s\S]*502$/);
	} finally {
		proxy.closeAllConnections();
		proxy.close();
	}
});

test("a Service's cluster IP passes TCP on; without endpoints the connection is reset; a gone Service closes its door", async () => {
	const reports: DoorReport[] = [];
	const forwarders = new PortForwarders(table(), [], (report) => reports.push(report));
	try {
		await forwarders.sync(table());
		assert.deepEqual(reports, []);
		const { stdout } = await run("curl", ["-sS", "-m", "5", "http://127.250.128.9/x"]);
		assert.equal(stdout, "GET /x 127.250.128.9\n");
		const refused = connect(80, "127.250.128.10");
		const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
		assert.equal(error.code, "ECONNRESET");
		await forwarders.sync(new ServiceTable([], []));
		const gone = connect(80, "127.250.128.9");
		const [closed] = (await once(gone, "error")) as [NodeJS.ErrnoException];
		assert.equal(closed.code, "ECONNREFUSED");
	} finally {
		forwarders.close();
	}
});

test("a port in use is reported, not swallowed", async () => {
	const reports: DoorReport[] = [];
	const busy = new ServiceTable(
		[service("web", { clusterIP: "127.0.0.1", ports: [{ name: "http", port: appPort }] })],
		[],
	);
	const forwarders = new PortForwarders(busy, [], (report) => reports.push(report));
	await forwarders.sync(busy);
	forwarders.close();
	assert.equal(reports.length, 1);
	assert.match(reports[0]!.why, /EADDRINUSE/);
});
