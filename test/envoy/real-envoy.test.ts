import { findEnvoy, startEnvoy } from "../support/envoy.ts";
import { proxySuite } from "./proxy-suite.ts";

const envoy = await findEnvoy();

proxySuite({
	name: "real Envoy",
	skip: "skip" in envoy ? envoy.skip : false,
	resolvesNames: true,
	start(bootstrap) {
		if ("skip" in envoy) throw new Error(envoy.skip);
		return startEnvoy({ path: envoy.path, bootstrap });
	},
});
