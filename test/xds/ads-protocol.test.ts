import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import type { ResourceSource, XdsResource } from "../../src/controlplane/ads/resource-source.ts";
import { type AdsServer, startAdsServer } from "../../src/controlplane/ads/start-ads-server.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { problem } from "../../src/lib/problem.ts";
import { silentLogger } from "../../src/telemetry/logger.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { formatPrometheus } from "../../src/telemetry/prometheus-text.ts";
import { ClusterSchema } from "../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../src/xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../src/xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../src/xds/generated/envoy/config/route/v3/route_pb.ts";
import type {
	DeltaDiscoveryResponse,
	DiscoveryResponse,
} from "../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { DISCOVERY_NAMES, RESOURCE_TYPES, type ResourceType } from "../../src/xds/type-urls.ts";
import { eventually } from "../support/eventually.ts";
import { type DeltaStream, ForeignXdsClient, type SotwStream } from "../support/foreign-xds-client.ts";

const { cluster: CDS, endpoint: EDS, listener: LDS, route: RDS } = RESOURCE_TYPES;
const NODE = { id: "sidecar~10.0.0.1~a.default~default.svc.cluster.local" };

/** A source whose test says what there is: name → a number that stands for the content. */
class TableSource implements ResourceSource {
	readonly tables = new Map<string, Map<string, number>>([CDS, EDS, LDS, RDS].map((url) => [url, new Map()]));
	readonly #made = new Map<string, XdsResource>();

	set(typeUrl: string, entries: Readonly<Record<string, number>>): this {
		this.tables.set(typeUrl, new Map(Object.entries(entries)));
		return this;
	}

	refusal(node: { id: string }) {
		return node.id === "bad" ? problem("LTN3721", "node.id", "is bad") : undefined;
	}

	generate(_node: unknown, typeUrl: string, names: ReadonlySet<string>): readonly XdsResource[] {
		const whole = typeUrl === CDS || typeUrl === LDS;
		const entries = [...(this.tables.get(typeUrl) ?? [])].filter(([name]) => whole || names.has(name));
		return entries.map(([name, content]) => this.#resource(typeUrl, name, content));
	}

	#resource(typeUrl: string, name: string, content: number): XdsResource {
		const key = `${typeUrl} ${name} ${content}`;
		const made = this.#made.get(key) ?? makeResource(typeUrl, name, content);
		this.#made.set(key, made);
		return made;
	}
}

function makeResource(typeUrl: string, name: string, content: number): XdsResource {
	const text = String(content);
	if (typeUrl === CDS) {
		// Names that begin with "eds" need endpoints of that name.
		const edsClusterConfig = name.startsWith("eds") ? {} : undefined;
		return {
			name,
			schema: ClusterSchema,
			message: create(ClusterSchema, { name, altStatName: text, edsClusterConfig }),
		};
	}
	if (typeUrl === EDS) {
		const message = create(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: [{ priority: content }] });
		return { name, schema: ClusterLoadAssignmentSchema, message };
	}
	if (typeUrl === LDS)
		return { name, schema: ListenerSchema, message: create(ListenerSchema, { name, statPrefix: text }) };
	const message = create(RouteConfigurationSchema, { name, requestHeadersToRemove: [text] });
	return { name, schema: RouteConfigurationSchema, message };
}

const SHORT = new Map(
	Object.entries(RESOURCE_TYPES).map(([type, url]) => [url, DISCOVERY_NAMES[type as ResourceType]]),
);

describe("ADS", () => {
	const metrics = new MetricRegistry();
	let source: TableSource;
	let server: AdsServer;
	let client: ForeignXdsClient;
	const streams: (SotwStream | DeltaStream)[] = [];

	before(async () => {
		source = new TableSource();
		const indirect: ResourceSource = {
			refusal: (node) => source.refusal(node),
			generate: (...args) => source.generate(...args),
		};
		const common = { clock: systemClock, logger: silentLogger, metrics, version: "t", host: "127.0.0.1", port: 0 };
		server = await startAdsServer({ ...common, source: indirect });
		client = new ForeignXdsClient(server.port);
	});

	afterEach(async () => {
		for (const stream of streams.splice(0)) stream.close();
		await eventually("no proxy connected", () => server.sessions.size === 0);
		source = new TableSource();
	});

	after(async () => {
		client.close();
		await server.close();
	});

	function sotw(): SotwStream {
		const stream = client.sotw();
		streams.push(stream);
		return stream;
	}

	function delta(): DeltaStream {
		const stream = client.delta();
		streams.push(stream);
		return stream;
	}

	const push = () => server.push({ endpointsOnly: false });
	const names = (response: DeltaDiscoveryResponse) => response.resources.map((r) => r.name).sort();
	const state = (typeUrl: string) => [...server.sessions][0]?.types.get(typeUrl);

	test("SotW: first all, then on change all again, and nothing when nothing changed", async () => {
		source.set(CDS, { a: 1, b: 1 });
		const stream = sotw();
		stream.send({ node: NODE, typeUrl: CDS });
		const first = await stream.next();
		assert.equal(first.resources.length, 2);
		stream.send({ typeUrl: CDS, versionInfo: first.versionInfo, responseNonce: first.nonce });
		await eventually("the ACK", () => state(CDS)?.status === "SYNCED");
		push();
		source.set(CDS, { a: 2, b: 1 });
		push();
		const second = await stream.next();
		assert.equal(second.resources.length, 2);
		assert.notEqual(second.versionInfo, first.versionInfo);
		assert.equal(stream.waiting, 0);
	});

	test("SotW: named types send what is new, on subscription and on change", async () => {
		source.set(EDS, { a: 1, b: 1 });
		const stream = sotw();
		stream.send({ node: NODE, typeUrl: EDS, resourceNames: ["a"] });
		const first = await stream.next();
		assert.equal(first.resources.length, 1);
		const answer = { typeUrl: EDS, versionInfo: first.versionInfo, responseNonce: first.nonce };
		stream.send({ ...answer, resourceNames: ["a", "b"] });
		const second = await stream.next();
		assert.equal(second.resources.length, 1);
		stream.send({
			typeUrl: EDS,
			versionInfo: second.versionInfo,
			responseNonce: second.nonce,
			resourceNames: ["a", "b"],
		});
		await eventually("the ACK", () => state(EDS)?.status === "SYNCED");
		source.set(EDS, { a: 1, b: 2 });
		push();
		assert.equal((await stream.next()).resources.length, 1);
	});

	test("SotW: an answer to an older response changes nothing", async () => {
		source.set(CDS, { a: 1 });
		const stream = sotw();
		stream.send({ node: NODE, typeUrl: CDS });
		const first = await stream.next();
		stream.send({ typeUrl: CDS, responseNonce: "made-up", errorDetail: { code: 3, message: "old" } });
		stream.send({ typeUrl: CDS, versionInfo: first.versionInfo, responseNonce: first.nonce });
		await eventually("the ACK", () => state(CDS)?.status === "SYNCED");
		assert.equal(state(CDS)?.nack, undefined);
		assert.match(formatPrometheus(metrics), /pilot_xds_expired_nonce\{type="cds"\} 1/);
	});

	test("a NACK is kept with its words, the next good response clears it", async () => {
		source.set(CDS, { a: 1 });
		const stream = sotw();
		stream.send({ node: NODE, typeUrl: CDS });
		const first = await stream.next();
		stream.send({ typeUrl: CDS, responseNonce: first.nonce, errorDetail: { code: 3, message: "no such field" } });
		await eventually("the NACK", () => state(CDS)?.status === "ERROR");
		assert.equal(state(CDS)?.nack?.message, "no such field");
		source.set(CDS, { a: 2 });
		push();
		const second = await stream.next();
		stream.send({ typeUrl: CDS, versionInfo: second.versionInfo, responseNonce: second.nonce });
		await eventually("the ACK", () => state(CDS)?.status === "SYNCED");
	});

	test("delta: everything first, then only what changed and what is gone", async () => {
		source.set(CDS, { a: 1, b: 1, c: 1 });
		const stream = delta();
		stream.send({ node: NODE, typeUrl: CDS });
		const first = await stream.next();
		assert.deepEqual(names(first), ["a", "b", "c"]);
		stream.send({ typeUrl: CDS, responseNonce: first.nonce });
		source.set(CDS, { a: 1, b: 2, d: 1 });
		push();
		const second = await stream.next();
		assert.deepEqual([names(second), second.removedResources], [["b", "d"], []]);
		stream.send({ typeUrl: CDS, responseNonce: second.nonce });
		const third = await stream.next();
		assert.deepEqual([names(third), third.removedResources], [[], ["c"]]);
	});

	test("delta: a subscription is always answered, also for what does not exist", async () => {
		source.set(EDS, { a: 1, b: 1 });
		const stream = delta();
		stream.send({ node: NODE, typeUrl: EDS, resourceNamesSubscribe: ["a", "none"] });
		const first = await stream.next();
		assert.deepEqual([names(first), first.removedResources], [["a"], ["none"]]);
		stream.send({
			typeUrl: EDS,
			responseNonce: first.nonce,
			resourceNamesSubscribe: ["b"],
			resourceNamesUnsubscribe: ["a"],
		});
		const second = await stream.next();
		assert.deepEqual(names(second), ["b"]);
		stream.send({ typeUrl: EDS, responseNonce: second.nonce });
		await eventually("the ACK", () => state(EDS)?.status === "SYNCED");
		source.set(EDS, { a: 2, b: 2 });
		push();
		assert.deepEqual(names(await stream.next()), ["b"]);
	});

	test("delta: what a returning client still has is not sent again", async () => {
		source.set(EDS, { a: 1, b: 1 });
		const before = delta();
		before.send({ node: NODE, typeUrl: EDS, resourceNamesSubscribe: ["a", "b"] });
		const first = await before.next();
		const versions = Object.fromEntries(first.resources.map((r) => [r.name, r.version]));
		before.close();
		source.set(EDS, { a: 1, b: 2 });
		const again = delta();
		again.send({ node: NODE, typeUrl: EDS, resourceNamesSubscribe: ["a", "b"], initialResourceVersions: versions });
		const second = await again.next();
		assert.deepEqual([names(second), second.removedResources], [["b"], []]);
		source.set(EDS, { a: 2, b: 2 });
		again.send({ typeUrl: EDS, responseNonce: second.nonce });
		push();
		assert.deepEqual(names(await again.next()), ["a"]);
	});

	test("delta: a returning client that has everything is in sync without a response", async () => {
		source.set(EDS, { a: 1 });
		const before = delta();
		before.send({ node: NODE, typeUrl: EDS, resourceNamesSubscribe: ["a"] });
		const initialResourceVersions = { a: (await before.next()).resources[0]!.version };
		before.close();
		await eventually("its end", () => state(EDS) === undefined);
		const again = delta();
		again.send({ node: NODE, typeUrl: EDS, resourceNamesSubscribe: ["a"], initialResourceVersions });
		await eventually("in sync", () => state(EDS)?.status === "SYNCED");
		source.set(EDS, { a: 2 });
		push();
		assert.deepEqual(names(await again.next()), ["a"]);
	});

	test("a push makes before it breaks: clusters, endpoints, listeners, routes, and last the clusters that go", async () => {
		source.set(CDS, { "eds-old": 1 }).set(EDS, { "eds-old": 1 }).set(LDS, { l: 1 }).set(RDS, { r: 1 });
		const stream = delta();
		const order: string[] = [];
		let subscribed = false;
		const follow = async () => {
			for (;;) {
				const response = await stream.next();
				order.push(`${SHORT.get(response.typeUrl)} +${names(response)} -${response.removedResources}`);
				if (response.typeUrl === CDS && names(response).includes("eds-new") && !subscribed) {
					subscribed = true;
					// As a proxy does: it asks for the endpoints of a new cluster before it says yes to the cluster.
					stream.send({ typeUrl: EDS, resourceNamesSubscribe: ["eds-new"] });
				}
				stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
			}
		};
		follow().catch(() => {});
		stream.send({ node: NODE, typeUrl: CDS });
		stream.send({ typeUrl: EDS, resourceNamesSubscribe: ["eds-old"] });
		stream.send({ typeUrl: LDS });
		stream.send({ typeUrl: RDS, resourceNamesSubscribe: ["r"] });
		await eventually("the first four", () => order.length === 4 && state(RDS)?.status === "SYNCED");
		order.length = 0;
		source.set(CDS, { "eds-new": 1 }).set(EDS, { "eds-new": 1 }).set(LDS, { l: 2 }).set(RDS, { r: 2 });
		push();
		await eventually("the removal", () => order.at(-1)?.startsWith("CDS + -"));
		assert.deepEqual(order, ["CDS +eds-new -", "EDS +eds-new -", "LDS +l -", "RDS +r -", "CDS + -eds-old"]);
	});

	test("a changed cluster gets its endpoints again, though they are the same", async () => {
		source.set(CDS, { "eds-x": 1 }).set(EDS, { "eds-x": 1 });
		const stream = delta();
		const seen: string[] = [];
		const follow = async () => {
			for (;;) {
				const response = await stream.next();
				seen.push(`${SHORT.get(response.typeUrl)} +${names(response)}`);
				stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
			}
		};
		follow().catch(() => {});
		stream.send({ node: NODE, typeUrl: CDS });
		stream.send({ typeUrl: EDS, resourceNamesSubscribe: ["eds-x"] });
		await eventually("both", () => state(EDS)?.status === "SYNCED" && state(CDS)?.status === "SYNCED");
		source.set(CDS, { "eds-x": 2 });
		push();
		await eventually("four responses", () => seen.length === 4);
		assert.deepEqual(seen.slice(2), ["CDS +eds-x", "EDS +eds-x"]);
	});

	test("a change of endpoints only sends nothing but endpoints", async () => {
		source.set(CDS, { "eds-x": 1 }).set(EDS, { "eds-x": 1 });
		const stream = delta();
		stream.send({ node: NODE, typeUrl: CDS });
		const first = await stream.next();
		stream.send({ typeUrl: CDS, responseNonce: first.nonce });
		stream.send({ typeUrl: EDS, resourceNamesSubscribe: ["eds-x"] });
		const second = await stream.next();
		stream.send({ typeUrl: EDS, responseNonce: second.nonce });
		await eventually("in sync", () => state(EDS)?.status === "SYNCED");
		source.set(CDS, { "eds-x": 9 }).set(EDS, { "eds-x": 2 });
		server.push({ endpointsOnly: true });
		assert.equal((await stream.next()).typeUrl, EDS);
		assert.equal(stream.waiting, 0);
	});

	test("streams without a node, or with a refused one, are ended with the reason", async () => {
		const nobody = sotw();
		nobody.send({ typeUrl: CDS });
		const missing = await eventually("the end", () => nobody.error);
		assert.match(missing.details, /must carry the node/);
		const bad = delta();
		bad.send({ node: { id: "bad" }, typeUrl: CDS });
		const refused = await eventually("the end", () => bad.error);
		assert.equal(refused.code, 3);
		assert.match(refused.details, /LTN3721 node\.id(:|%3A) is bad/);
	});

	test("any sequence of changes leaves a delta client and a SotW client with the same", async () => {
		const table = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 0, max: 3 }));
		await fc.assert(
			fc.asyncProperty(fc.array(table, { minLength: 1, maxLength: 6 }), async (tables) => {
				source = new TableSource();
				const byDelta = followDelta(delta());
				const bySotw = followSotw(sotw());
				for (const entries of tables) {
					source.set(CDS, entries);
					push();
				}
				const expected = Object.fromEntries(Object.entries(tables.at(-1)!).sort());
				const same = (clusters: ReadonlyMap<string, string>) =>
					JSON.stringify(Object.fromEntries([...clusters].sort())) ===
					JSON.stringify(Object.fromEntries(Object.entries(expected).map(([k, v]) => [k, String(v)])));
				await eventually("both clients at the last state", () => same(byDelta) && same(bySotw));
				for (const stream of streams.splice(0)) stream.close();
			}),
			{ numRuns: 15 },
		);
	});
});

/** Keeps name → content of the clusters that a delta client has. */
function followDelta(stream: DeltaStream): ReadonlyMap<string, string> {
	const clusters = new Map<string, string>();
	const run = async () => {
		for (;;) {
			const response = await stream.next();
			for (const { name, resource } of response.resources) clusters.set(name, contentOf(resource?.value));
			for (const name of response.removedResources) clusters.delete(name);
			stream.send({ typeUrl: CDS, responseNonce: response.nonce });
		}
	};
	run().catch(() => {});
	stream.send({ node: { ...NODE, id: `${NODE.id}~d` }, typeUrl: CDS });
	return clusters;
}

function followSotw(stream: SotwStream): ReadonlyMap<string, string> {
	const clusters = new Map<string, string>();
	const run = async () => {
		for (;;) {
			const response: DiscoveryResponse = await stream.next();
			clusters.clear();
			for (const resource of response.resources) {
				const { name, altStatName } = fromCluster(resource.value);
				clusters.set(name, altStatName);
			}
			stream.send({ typeUrl: CDS, versionInfo: response.versionInfo, responseNonce: response.nonce });
		}
	};
	run().catch(() => {});
	stream.send({ node: NODE, typeUrl: CDS });
	return clusters;
}

function contentOf(bytes: Uint8Array | undefined): string {
	return bytes ? fromCluster(bytes).altStatName : "";
}

const fromCluster = (bytes: Uint8Array) => fromBinary(ClusterSchema, bytes);
