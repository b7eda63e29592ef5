import { defineKind, type SpecOf } from "../define-kind.ts";
import { s } from "../schema-builder.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP } from "./networking-group.ts";
import { labelSelector } from "./shared-fields.ts";

/** Settings of proxies that take effect when they start. */
export const ProxyConfig = defineKind({
	group: NETWORKING_GROUP,
	versions: ["v1beta1"],
	kind: "ProxyConfig",
	plural: "proxyconfigs",
	categories: NETWORKING_CATEGORIES,
	doc: "Settings of proxies, read when a pod is injected.",
	spec: s
		.object({
			selector: labelSelector().doc("Workloads that it applies to; all of the namespace when absent."),
			concurrency: s.int32().doc("Worker threads; 0 means one per core."),
			environmentVariables: s.map(s.string({ maxLength: 2048 })).doc("Environment of the proxy."),
			image: s.object({ imageType: s.string().doc("default, debug or distroless.") }).doc("Image of the proxy."),
		})
		.doc("The settings."),
});

export type ProxyConfigSpec = SpecOf<typeof ProxyConfig>;
