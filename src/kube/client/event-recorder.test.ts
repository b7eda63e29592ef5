import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lib/clock.ts";
import { createKubeClient } from "./create-kube-client.ts";
import { createEventRecorder } from "./event-recorder.ts";
import { silentLog } from "./log.ts";
import { startFakeApiServer } from "./testing/fake-api-server.ts";

test("the same event again raises the count, others are objects of their own, floods are held back", async () => {
	const server = await startFakeApiServer();
	const client = createKubeClient({ server: server.url });
	const clock = new ManualClock(Date.parse("2026-01-01T00:00:00Z"));
	const recorder = createEventRecorder({ client, clock, log: silentLog, component: "kubelet", host: "here" });
	const about = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", uid: "u1" } };
	const backOff = { type: "Warning", reason: "BackOff", message: "again" } as const;
	recorder.record(about, backOff);
	clock.advance(5000);
	recorder.record(about, backOff);
	recorder.record(about, { type: "Normal", reason: "Started", message: "up", fieldPath: "spec.containers{app}" });
	await recorder.flush();
	const [first, second] = server.all("events");
	assert.deepEqual(
		[first?.count, first?.firstTimestamp, first?.lastTimestamp, first?.metadata.namespace],
		[2, "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z", "shop"],
	);
	assert.deepEqual(first?.involvedObject, {
		...{ apiVersion: "v1", kind: "Pod", name: "web", namespace: "shop", uid: "u1" },
	});
	assert.deepEqual([second?.reason, second?.source], ["Started", { component: "kubelet", host: "here" }]);
	for (let i = 0; i < 100; i++) recorder.record(about, { ...backOff, message: `flood ${i}` });
	await recorder.flush();
	assert.equal(server.all("events").length, 2 + 22, "25 in a burst, 3 were used");
	server.remove("events", first?.metadata.name ?? "", "shop");
	clock.advance(600_000);
	recorder.record(about, backOff);
	await recorder.flush();
	assert.equal(
		server.all("events").filter((event) => event.message === "again").length,
		1,
		"made anew when it expired",
	);
	client.close();
	await server.close();
});
