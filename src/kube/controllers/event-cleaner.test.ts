import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lib/clock.ts";
import { createKubeClient } from "../client/create-kube-client.ts";
import { silentLog } from "../client/log.ts";
import { startFakeApiServer } from "../client/testing/fake-api-server.ts";
import { startEventCleaner } from "./event-cleaner.ts";

test("events go an hour after they happened last", async () => {
	const server = await startFakeApiServer();
	const client = createKubeClient({ server: server.url });
	const nowMs = Date.parse("2026-01-01T12:00:00Z");
	const clock = new ManualClock(nowMs);
	const put = (name: string, times: object) =>
		server.put("events", { metadata: { name, namespace: "default" }, ...times });
	put("old", { lastTimestamp: "2026-01-01T10:59:00Z" });
	put("repeated", { lastTimestamp: "2026-01-01T09:00:00Z", series: { lastObservedTime: "2026-01-01T11:59:00Z" } });
	put("young", { lastTimestamp: null, eventTime: "2026-01-01T11:30:00Z" });
	const cleaner = startEventCleaner({ client, clock, log: silentLog });
	clock.advance(300_000);
	await server.until(() => (server.all("events").length === 2 ? true : undefined), "one event less");
	await cleaner.stop();
	assert.deepEqual(
		server.all("events").map(({ metadata }) => metadata.name),
		["repeated", "young"],
	);
	client.close();
	await server.close();
});
