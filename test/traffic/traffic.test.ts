import { after, afterEach, describe } from "node:test";
import { startMesh } from "../support/mesh.ts";
import { Playground } from "./playground.ts";
import { balancingScenes } from "./scenes/balancing.ts";
import { failureScenes } from "./scenes/failures.ts";
import { gatewayScenes } from "./scenes/gateways.ts";
import { refusedRuleScenes } from "./scenes/refused-rules.ts";
import { ruleScenes } from "./scenes/rules.ts";
import { telemetryScenes } from "./scenes/telemetry.ts";

// One mesh and one set of workloads for all; each test leaves no rule behind.
const mesh = await startMesh();
after(() => mesh.stop());
const playground = new Playground(mesh);
await playground.setUp();

describe("Traffic as an Istio user expects it", () => {
	afterEach(() => playground.clear());
	telemetryScenes(playground);
	balancingScenes(playground);
	failureScenes(playground);
	gatewayScenes(playground);
	ruleScenes(playground);
	refusedRuleScenes(playground);
});
