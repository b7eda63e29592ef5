import assert from "node:assert/strict";
import { test } from "node:test";
import { addressPlan } from "../../../lib/address-plan.ts";
import { MemoryJournal } from "../store/memory-journal.ts";
import { objectKey } from "../store/object-key.ts";
import { Store } from "../store/store.ts";
import { readdressServices } from "./readdress-services.ts";

const SERVICES = "core/services";

test("Services of another block keep their place in the range; headless and foreign addresses stay", async () => {
	const store = await Store.open(new MemoryJournal(), { keepEvents: 100, onBackgroundError: assert.ifError });
	const put = (name: string, spec: object) =>
		store.put(
			objectKey(SERVICES, "default", name),
			{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec },
			0,
		);
	await put("web", { clusterIP: "127.64.128.7", clusterIPs: ["127.64.128.7"], ports: [{ port: 80 }] });
	await put("headless", { clusterIP: "None", clusterIPs: ["None"] });
	await put("outside", { type: "ExternalName", externalName: "example.com" });
	const at = (name: string) => store.get(objectKey(SERVICES, "default", name))?.object.spec;

	await readdressServices(store, addressPlan(70));
	assert.deepEqual(at("web"), { clusterIP: "127.70.128.7", clusterIPs: ["127.70.128.7"], ports: [{ port: 80 }] });
	assert.deepEqual(at("headless"), { clusterIP: "None", clusterIPs: ["None"] });
	assert.deepEqual(at("outside"), { type: "ExternalName", externalName: "example.com" });

	const { revision } = store;
	await readdressServices(store, addressPlan(70));
	assert.equal(store.revision, revision, "nothing is written when nothing has changed");
	await store.close();
});
