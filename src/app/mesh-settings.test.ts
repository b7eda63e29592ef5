import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { meshSettingsObject, renewMeshSettings } from "./mesh-settings.ts";

/** A cluster that holds nothing but this ConfigMap. */
function clusterWith(configMap: KubeObject) {
	const patches: unknown[] = [];
	const client = {
		get: async () => configMap,
		patch: async (_ref: unknown, _name: string, patch: unknown) => {
			patches.push(patch);
			return configMap;
		},
	} as unknown as KubeClient;
	return { client, patches };
}

test("settings that lateen.yaml did not change stay as the user left them", async () => {
	const { client, patches } = clusterWith({
		...meshSettingsObject({ weightedFailover: false }),
		data: { mesh: "edited: by hand" },
	});
	assert.equal(await renewMeshSettings(client, { weightedFailover: false }), false);
	assert.deepEqual(patches, []);
});

test("changed settings are written, with the defaults below them", async () => {
	const { client, patches } = clusterWith(meshSettingsObject({}));
	assert.equal(await renewMeshSettings(client, { weightedFailover: false }), true);
	assert.deepEqual((patches[0] as { data: unknown }).data, {
		mesh: "accessLogFile: /dev/stdout\nweightedFailover: false\n",
	});
});
