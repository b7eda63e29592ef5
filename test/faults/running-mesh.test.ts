import { after } from "node:test";
import { startMesh } from "../support/mesh.ts";
import { badInputTests } from "./bad-input.ts";
import { brokenWorkloadTests } from "./broken-workloads.ts";
import { killedProcessTests } from "./killed-processes.ts";
import { secondStartTests } from "./second-start.ts";

// One mesh for all of them, in this order; the last ones stop it.
const mesh = await startMesh(["--sample", "bookinfo"]);
after(() => mesh.stop());

badInputTests(mesh);
brokenWorkloadTests(mesh);
killedProcessTests(mesh);
secondStartTests(mesh);
