import type { CommandSpec } from "./command.ts";
import { analyze } from "./commands/analyze.ts";
import { completion } from "./commands/completion.ts";
import { controlPlane } from "./commands/control-plane.ts";
import { down } from "./commands/down.ts";
import { kubeInject } from "./commands/kube-inject.ts";
import { kubeconfig } from "./commands/kubeconfig.ts";
import { proxy } from "./commands/proxy.ts";
import { proxyConfigClusters } from "./commands/proxy-config-clusters.ts";
import { proxyConfigEndpoints } from "./commands/proxy-config-endpoints.ts";
import { proxyConfigListeners } from "./commands/proxy-config-listeners.ts";
import { proxyConfigRoutes } from "./commands/proxy-config-routes.ts";
import { proxyStatus } from "./commands/proxy-status.ts";
import { status } from "./commands/status.ts";
import { up } from "./commands/up.ts";
import { validate } from "./commands/validate.ts";
import { version } from "./commands/version.ts";

const BY_HEADING: Readonly<Record<string, readonly CommandSpec[]>> = {
	"A mesh on this machine:": [up, down, status, kubeconfig],
	"What its proxies know:": [
		proxyStatus,
		proxyConfigListeners,
		proxyConfigRoutes,
		proxyConfigClusters,
		proxyConfigEndpoints,
	],
	"Rules and manifests:": [analyze, validate, kubeInject],
	"One part alone:": [proxy, controlPlane],
	"Besides:": [version, completion],
};

/** Every command, in the order of the help page. */
export const COMMANDS: readonly CommandSpec[] = Object.entries(BY_HEADING).flatMap(([heading, specs]) =>
	specs.map((spec) => ({ ...spec, heading })),
);
