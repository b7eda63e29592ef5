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

for (const [i, source] of availableSources().entries()) {
	describe(`With the manifests of the ${source.name}`, () => {
		bookinfoScenes(mesh, source);
		echoScenes(mesh, source);
		canaryScenes(mesh, source, i === 0);
		tutorialScenes(mesh, source);
		fleetmanScenes(mesh, source);
	});
}
