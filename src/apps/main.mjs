// Entry of every built-in sample app: node main.mjs <name> [arguments of the container]
// Plain JavaScript, so that the compile cache is on before the first TypeScript file is read (stripping its types
// costs more than all the rest of the start).
import module from "node:module";

module.enableCompileCache?.();

const APPS = {
	productpage: () => import("./bookinfo/productpage.ts"),
	details: () => import("./bookinfo/details.ts"),
	reviews: () => import("./bookinfo/reviews.ts"),
	ratings: () => import("./bookinfo/ratings.ts"),
	customer: () => import("./tutorial/customer.ts"),
	preference: () => import("./tutorial/preference.ts"),
	recommendation: () => import("./tutorial/recommendation.ts"),
	"staff-service": () => import("./fleetman/staff-service.ts"),
	httpbin: () => import("./httpbin/httpbin.ts"),
	"echo-basic": () => import("./echo/echo-basic.ts"),
	helloworld: () => import("./helloworld.ts"),
	"tcp-echo": () => import("./tcp-echo.ts"),
	sleep: () => import("./sleep.ts"),
};

const [, , name = "", ...args] = process.argv;
const load = Object.hasOwn(APPS, name) ? APPS[name] : undefined;
if (load === undefined) {
	process.stderr.write(`no sample app "${name}"; there are: ${Object.keys(APPS).join(", ")}\n`);
	process.exit(2);
}
try {
	const app = await load();
	await app.start(process.env, args);
	module.flushCompileCache?.();
} catch (error) {
	process.stderr.write(`${name}: ${error instanceof Error ? error.message : error}\n`);
	process.exit(1);
}
