import { after, before, describe, test } from "node:test";
import { assertAll, assertShare } from "../../support/load.ts";
import type { TestMesh } from "../../support/mesh.ts";
import type { Source } from "../../support/sources.ts";
import { Scene } from "../scene.ts";

const STAFF = ["staff-service", "staff-service-risky-version"];
const PHOTOS = "https://rac-istio-course-images.s3.amazonaws.com";
const PATH = "/driver/City%20Truck";

/** The staff service in a safe and a risky version; rules name it by its full name, callers by its short one. */
export function fleetmanScenes(mesh: TestMesh, source: Source): void {
	const scene = new Scene(mesh, source, "default");
	const { app, destinationRule, split } = source.fleetman;

	describe("Fleetman's staff service", () => {
		before(async () => {
			await scene.apply(source.curl, app);
			await scene.rolledOut("curl", ...STAFF);
			await scene.answers(`http://fleetman-staff-service:8080${PATH}`);
		});

		test("S003-canary-90-10: nine of ten see the placeholder, by the short name and by the full one", async () => {
			await scene.applyRules(destinationRule, split);
			for (const host of ["fleetman-staff-service", "fleetman-staff-service.default.svc.cluster.local"]) {
				const answers = await scene.load(`http://${host}:8080${PATH}`, { count: 1000 });
				assertAll(answers, 200);
				assertShare(answers, `{"name":"Pam Parry","photo":"${PHOTOS}/placeholder.png"}`, 90, 4);
				assertShare(answers, `{"name":"Pam Parry","photo":"${PHOTOS}/1.jpg"}`, 10, 4);
			}
		});

		after(() => scene.delete(destinationRule, split, app, source.curl));
	});
}
