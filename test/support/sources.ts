import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/**
 * Where the manifests of the end-to-end scenarios come from: the project's own samples, and the unmodified files of the published
 * walk-throughs where that folder is there (LATEEN_SHARED, or `../shared` beside the checkout).
 */
export interface Source {
	readonly name: "samples" | "walk-throughs";
	readonly curl: string;
	readonly bookinfo: {
		readonly app: string;
		readonly gateway: string;
		readonly destinationRules: string;
		readonly cookieJason: string;
	};
	/** my-service, service-a/b, service-v1/v2 in the namespace my-namespace; the rules may name no namespace of their own. */
	readonly canary: {
		readonly workloads: string;
		readonly split: string;
		readonly retry: string;
		readonly outlier: string;
		readonly failover: string;
	};
	/** Two versions of an echo server in the namespace default. */
	readonly echo: {
		readonly host: string;
		readonly deployments: readonly [string, string];
		readonly workloads: readonly string[];
		readonly pathExact: string;
		readonly pathPrefix: string;
		readonly headerCookie: string;
		readonly timeout: string;
	};
	/** Folder with customer/, preference/, recommendation/ and istiofiles/. */
	readonly tutorial: string;
	readonly fleetman: { readonly app: string; readonly destinationRule: string; readonly split: string };
}

/** The sources that are there. */
export function availableSources(): Source[] {
	const shared = process.env.LATEEN_SHARED ?? join(ROOT, "../shared");
	const walkThroughs = join(shared, "acceptance");
	return existsSync(walkThroughs)
		? [samples(join(ROOT, "samples")), acceptance(walkThroughs)]
		: [samples(join(ROOT, "samples"))];
}

function samples(root: string): Source {
	const at = (path: string) => join(root, path);
	const networking = (file: string) => at(`bookinfo/networking/${file}.yaml`);
	return {
		name: "samples",
		curl: at("curl/curl.yaml"),
		bookinfo: {
			app: at("bookinfo/platform/kube/bookinfo.yaml"),
			gateway: networking("bookinfo-gateway"),
			destinationRules: networking("destination-rule-all"),
			cookieJason: networking("virtual-service-reviews-cookie-jason"),
		},
		canary: {
			workloads: at("canary/workloads.yaml"),
			split: at("canary/virtual-service-90-10.yaml"),
			retry: at("canary/virtual-service-retry.yaml"),
			outlier: at("canary/destination-rule-outlier.yaml"),
			failover: at("canary/weighted-failover.yaml"),
		},
		echo: {
			host: "echo",
			deployments: ["echo-v1", "echo-v2"],
			workloads: [at("canary/echo/workloads.yaml")],
			pathExact: at("canary/echo/virtual-service-path-exact.yaml"),
			pathPrefix: at("canary/echo/virtual-service-path-prefix.yaml"),
			headerCookie: at("canary/echo/virtual-service-header-cookie.yaml"),
			timeout: at("canary/echo/virtual-service-timeout.yaml"),
		},
		tutorial: at("tutorial"),
		fleetman: {
			app: at("fleetman/staff-service.yaml"),
			destinationRule: at("fleetman/destination-rule.yaml"),
			split: at("fleetman/virtual-service-90-10.yaml"),
		},
	};
}

function acceptance(root: string): Source {
	const at = (path: string) => join(root, path);
	const istio = (path: string) => at(`004/istio-1.24.1/samples/bookinfo/${path}`);
	return {
		name: "walk-throughs",
		curl: at("common/samples/curl/curl.yaml"),
		bookinfo: {
			app: istio("platform/kube/bookinfo.yaml"),
			gateway: istio("networking/bookinfo-gateway.yaml"),
			destinationRules: istio("networking/destination-rule-all.yaml"),
			cookieJason: at("001/03-virtualservice-cookie-jason.yaml"),
		},
		canary: {
			workloads: at("000/workloads-my-namespace.yaml"),
			split: at("000/04-weighted-90-10.yaml"),
			retry: at("000/07-retry.yaml"),
			outlier: at("000/08-outlier-my-service.yaml"),
			failover: at("000/09-weighted-70-30-with-outlier.yaml"),
		},
		echo: {
			host: "my-service",
			deployments: ["my-service-v1", "my-service-v2"],
			workloads: [at("000/workloads-default.yaml"), at("000/01-path-exact-subsets.yaml")],
			pathExact: at("000/01-path-exact-v1-v2.yaml"),
			pathPrefix: at("000/05-path-prefix-api-v1-v2.yaml"),
			headerCookie: at("000/06-ab-header-cookie.yaml"),
			timeout: at("000/07-timeout.yaml"),
		},
		tutorial: at("002/istio-tutorial"),
		fleetman: {
			app: at("003/fleetman/5-application-no-istio.yaml"),
			destinationRule: at("003/05-destinationrule-safe-risky.yaml"),
			split: at("003/02-virtualservice-safe-risky-90-10.yaml"),
		},
	};
}
