import { s, type ValueOf } from "../schema-builder.ts";
import { labelSelector } from "./shared-fields.ts";

/** What the `spec` of a ProxyConfig holds. */
export const proxyConfigSpec = s
	.object({
		selector: labelSelector().doc("Workloads that it applies to; all of the namespace when absent."),
		concurrency: s.int32().doc("Worker threads; 0 means one per core."),
		environmentVariables: s.map(s.string({ maxLength: 2048 })).doc("Environment of the proxy."),
		image: s.object({ imageType: s.string().doc("default, debug or distroless.") }).doc("Image of the proxy."),
	})
	.doc("The settings.");

export type ProxyConfigSpec = ValueOf<typeof proxyConfigSpec>;
