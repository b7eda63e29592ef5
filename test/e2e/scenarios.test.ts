import { after, describe } from "node:test";
import { startMesh } from "../support/mesh.ts";
import { availableSources } from "../support/sources.ts";
import { bookinfoScenes } from "./scenes/bookinfo.ts";
import { canaryScenes } from "./scenes/canary.ts";
import { echoScenes } from "./scenes/echo.ts";
import { fleetmanScenes } from "./scenes/fleetman.ts";
import { tutorialScenes } from "./scenes/tutorial.ts";

// One mesh for all of them, as a user has one; each scene cleans up after itself.
const mesh = await startMesh();
after(() => mesh.stop());
await mesh.kubectl.ok(["label", "namespace", "default", "istio-injection=enabled", "--overwrite"]);

for (const source of availableSources()) {
	describe(`With the manifests of the ${source.name}`, () => {
		bookinfoScenes(mesh, source);
		echoScenes(mesh, source);
		canaryScenes(mesh, source);
		tutorialScenes(mesh, source);
		fleetmanScenes(mesh, source);
	});
}
