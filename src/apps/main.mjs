// Entry of every built-in sample app: node main.mjs <name> [arguments of the container]
// Plain JavaScript, so that the compile cache is on before the first TypeScript file is read (stripping its types
// costs more than all the rest of the start).
import module from "node:module";

module.enableCompileCache?.();

const APPS = {
	productpage: "./bookinfo/productpage.ts",
	details: "./bookinfo/details.ts",
	reviews: "./bookinfo/reviews.ts",
	ratings: "./bookinfo/ratings.ts",
	customer: "./tutorial/customer.ts",
	preference: "./tutorial/preference.ts",
	recommendation: "./tutorial/recommendation.ts",
	"staff-service": "./fleetman/staff-service.ts",
	httpbin: "./httpbin/httpbin.ts",
	"echo-basic": "./echo/echo-basic.ts",
	helloworld: "./helloworld.ts",
	"tcp-echo": "./tcp-echo.ts",
	sleep: "./sleep.ts",
};

const [, , name = "", ...args] = process.argv;
const file = Object.hasOwn(APPS, name) ? APPS[name] : undefined;
if (file === undefined) {
	process.stderr.write(`no sample app "${name}"; there are: ${Object.keys(APPS).join(", ")}\n`);
	process.exit(2);
}
try {
	const app = await import(file);
	await app.start(process.env, args);
	module.flushCompileCache?.();
} catch (error) {
	process.stderr.write(`${name}: ${error instanceof Error ? error.message : error}\n`);
	process.exit(1);
}
