import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { create, fromBinary, type JsonObject, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import type { ResourceSource } from "../../src/controlplane/ads/resource-source.ts";
import { type AdsServer, startAdsServer } from "../../src/controlplane/ads/start-ads-server.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/telemetry/logger.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { ClusterSchema } from "../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
	ClientStatusRequestSchema,
	type ClientStatusResponse,
	ClientStatusResponseSchema,
} from "../../src/xds/generated/envoy/service/status/v3/csds_pb.ts";
import { xdsRegistry } from "../../src/xds/registry.ts";
import { RESOURCE_TYPES } from "../../src/xds/type-urls.ts";
import { eventually } from "../support/eventually.ts";
import { ForeignXdsClient } from "../support/foreign-xds-client.ts";

const SERVICE = "/envoy.service.status.v3.ClientStatusDiscoveryService";
const { cluster: CDS, endpoint: EDS } = RESOURCE_TYPES;
const A = { id: "sidecar~1.1.1.1~a.ns~x", metadata: { CLUSTER_ID: "one", LABELS: { app: "a" } } };
const B = { id: "sidecar~2.2.2.2~b.ns~x", metadata: { CLUSTER_ID: "two" } };

let clusters: readonly string[] = ["x", "y"];
const source: ResourceSource = {
	refusal: () => undefined,
	generate: (_node, typeUrl) =>
		typeUrl === CDS
			? clusters.map((name) => ({ name, schema: ClusterSchema, message: create(ClusterSchema, { name }) }))
			: [],
};
let server: AdsServer;
let xds: ForeignXdsClient;
let status: Client;

before(async () => {
	const metrics = new MetricRegistry();
	const common = { clock: systemClock, logger: silentLogger, metrics, version: "t", host: "127.0.0.1", port: 0 };
	server = await startAdsServer({ ...common, source });
	xds = new ForeignXdsClient(server.port);
	status = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
});
after(async () => {
	xds.close();
	status.close();
	await server.close();
});

const encode = (request: MessageInitShape<typeof ClientStatusRequestSchema>) =>
	Buffer.from(toBinary(ClientStatusRequestSchema, create(ClientStatusRequestSchema, request)));
const decode = (bytes: Buffer) => fromBinary(ClientStatusResponseSchema, bytes);

function fetchStatus(request: MessageInitShape<typeof ClientStatusRequestSchema> = {}): Promise<ClientStatusResponse> {
	return new Promise((resolve, reject) => {
		status.makeUnaryRequest(`${SERVICE}/FetchClientStatus`, encode, decode, request, (error, response) =>
			error ? reject(error) : resolve(response!),
		);
	});
}

/** `type name client_status config_status [error]` of each resource of the first client. */
async function lines(request?: MessageInitShape<typeof ClientStatusRequestSchema>): Promise<string[]> {
	const { config } = await fetchStatus(request);
	const json = toJson(ClientStatusResponseSchema, create(ClientStatusResponseSchema, { config }), {
		registry: xdsRegistry(),
		useProtoFieldName: true,
	}) as { config?: { generic_xds_configs?: JsonObject[] }[] };
	return (json.config?.[0]?.generic_xds_configs ?? []).map((one) => {
		const type = String(one.type_url).split(".").at(-1);
		const error = (one.error_state as JsonObject | undefined)?.details ?? "";
		return `${type} ${one.name} ${one.client_status} ${one.config_status} ${error}`.trim();
	});
}

test("per resource what a proxy was sent and said: requested, acknowledged, refused, absent", async () => {
	const stream = xds.delta();
	stream.send({ node: A, typeUrl: CDS });
	const first = await stream.next();
	assert.deepEqual(await lines(), ["Cluster x REQUESTED STALE", "Cluster y REQUESTED STALE"]);
	stream.send({ typeUrl: CDS, responseNonce: first.nonce });
	await eventually("the ACK", async () => (await lines()).every((line) => line.endsWith("ACKED SYNCED")));
	clusters = ["x", "y", "z"];
	server.push({ endpointsOnly: false });
	const second = await stream.next();
	stream.send({ typeUrl: CDS, responseNonce: second.nonce, errorDetail: { code: 3, message: "z is bad" } });
	stream.send({ typeUrl: EDS, resourceNamesSubscribe: ["nobody"] });
	await eventually("the subscription", async () => (await lines()).length === 4);
	assert.deepEqual(await lines(), [
		"Cluster x ACKED SYNCED",
		"Cluster y ACKED SYNCED",
		"Cluster z NACKED ERROR z is bad",
		"ClusterLoadAssignment nobody DOES_NOT_EXIST NOT_SENT",
	]);
	stream.close();
	await eventually("the proxy to be gone", async () => (await fetchStatus()).config.length === 0);
});

test("matchers choose proxies; contents can be left out; a stream answers each question", async () => {
	const streams = [A, B].map((node) => {
		const stream = xds.sotw();
		stream.send({ node, typeUrl: CDS });
		return stream;
	});
	for (const stream of streams) await stream.next();
	const ids = async (
		...nodeMatchers: NonNullable<MessageInitShape<typeof ClientStatusRequestSchema>["nodeMatchers"]>
	) => (await fetchStatus({ nodeMatchers })).config.map(({ node }) => node?.id.split("~")[2]);
	const string = (value: string) => ({ matchPattern: { case: "exact", value } as const });
	const at = (value: string, ...keys: string[]) => ({
		path: keys.map((key) => ({ segment: { case: "key", value: key } as const })),
		value: { matchPattern: { case: "stringMatch", value: string(value) } as const },
	});
	assert.deepEqual(await ids(), ["a.ns", "b.ns"]);
	assert.deepEqual(await ids({ nodeId: { matchPattern: { case: "contains", value: "~b." } } }), ["b.ns"]);
	assert.deepEqual(await ids({ nodeMetadatas: [at("one", "CLUSTER_ID"), at("a", "LABELS", "app")] }), ["a.ns"]);
	assert.deepEqual(await ids({ nodeMetadatas: [at("one", "CLUSTER_ID")] }, { nodeId: string(B.id) }), ["a.ns", "b.ns"]);
	await assert.rejects(ids({ nodeMetadatas: [{}] }), /INVALID_ARGUMENT/);
	const bare = await fetchStatus({ excludeResourceContents: true });
	assert.ok(bare.config[0]!.genericXdsConfigs.every(({ xdsConfig, name }) => !xdsConfig && name !== ""));
	const call = status.makeBidiStreamRequest(`${SERVICE}/StreamClientStatus`, encode, decode);
	const answers: ClientStatusResponse[] = [];
	call.on("data", (answer: ClientStatusResponse) => answers.push(answer));
	call.write({});
	await eventually("an answer", () => answers.length === 1);
	call.write({ nodeMatchers: [{ nodeId: string(A.id) }] });
	await eventually("a second answer", () => answers.length === 2);
	assert.deepEqual(
		answers.map(({ config }) => config.length),
		[2, 1],
	);
	const ended = once(call, "end");
	call.end();
	await ended;
	for (const stream of streams) stream.close();
	await eventually("the proxies to be gone", () => server.sessions.size === 0);
});
