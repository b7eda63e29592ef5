import { empty, json } from "../kit/answer.ts";
import { type Handler, router } from "../kit/router.ts";
import { type Env, serve } from "../kit/serve.ts";

const PORT = 8080;
const PHOTOS = "https://rac-istio-course-images.s3.amazonaws.com";

/** Vehicle → driver; the photo's number is the place in this list. */
const DRIVERS = [
	["City Truck", "Pam Parry"],
	["Huddersfield Truck A", "Duke T. Dog"],
	["Huddersfield Truck B", "Denzil Tulser"],
	["London Riverside", "Herman Boyce"],
	["Village Truck", "June Snell"],
] as const;

/** Fleetman's staff service. STAFF_PHOTOS stands for the image's tag: `placeholder` is the safe version, `real` the risky one. */
export function staffService(env: Env): Handler {
	const placeholder = env.STAFF_PHOTOS === "placeholder";
	const staff = new Map<string, { name: string; photo: string }>(
		DRIVERS.map(([vehicle, name], i) => [
			vehicle,
			{ name, photo: `${PHOTOS}/${placeholder ? "placeholder.png" : `${i + 1}.jpg`}` },
		]),
	);
	return router(
		{
			"GET /driver/:vehicle": (request) => json(staff.get(request.params.vehicle ?? "") ?? { name: null, photo: null }),
			"POST /driver/:vehicle/:speed": (request) =>
				Number.isFinite(Number(request.params.speed)) ? empty(200) : springError(400, "Bad Request", request.path),
		},
		(request) => springError(404, "Not Found", request.path),
	);
}

/** Spring's error document. */
function springError(status: number, error: string, path: string) {
	return json({ timestamp: new Date().toISOString(), status, error, message: "No message available", path }, status);
}

export async function start(env: Env): Promise<void> {
	await serve("staff-service", staffService(env), { port: PORT, env });
}
