import { s, type ValueOf } from "../schema-builder.ts";
import { POLICY_TARGETS_ONE_OF, policyTargets } from "./shared-fields.ts";

/** What the `spec` of a WasmPlugin holds. */
export const wasmPluginSpec = s
	.object(
		{
			...policyTargets(),
			url: s.string({ minLength: 1 }).doc("Where the module is: oci://, https:// or file://.").required(),
			sha256: s.string({ pattern: "(^$|^[a-f0-9]{64}$)" }).doc("Digest that the module must have."),
			imagePullPolicy: s
				.enumOf("UNSPECIFIED_POLICY", "IfNotPresent", "Always")
				.doc("When the module is fetched again."),
			imagePullSecret: s.string({ minLength: 1, maxLength: 253 }).doc("Secret with the registry's credentials."),
			verificationKey: s.string().doc("Key that signatures are checked with."),
			pluginConfig: s.struct().doc("Configuration handed to the module."),
			pluginName: s.string({ minLength: 1, maxLength: 256 }).doc("Name of the plugin inside the module."),
			phase: s.enumOf("UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS").doc("Where in the filter chain it goes."),
			priority: s.int32().doc("Order in its phase; higher first."),
			failStrategy: s.enumOf("FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD").doc("What happens when the module fails."),
			vmConfig: s
				.object({
					env: s
						.list(
							s.object({
								name: s.string({ minLength: 1, maxLength: 256 }).doc("Variable name.").required(),
								valueFrom: s.enumOf("INLINE", "HOST").doc("Where the value comes from."),
								value: s.string({ maxLength: 2048 }).doc("The value."),
							}),
							{ maxItems: 256 },
						)
						.doc("Environment of the module."),
				})
				.doc("Settings of the virtual machine."),
			match: s
				.list(
					s.object({
						mode: s.enumOf("UNDEFINED", "CLIENT", "SERVER", "CLIENT_AND_SERVER").doc("Direction of traffic."),
						ports: s
							.list(s.object({ number: s.int32({ minimum: 1, maximum: 65535 }).doc("Port number.").required() }))
							.doc("Ports."),
					}),
				)
				.doc("Traffic that the filter sees."),
			type: s.enumOf("UNSPECIFIED_PLUGIN_TYPE", "HTTP", "NETWORK").doc("Kind of filter."),
		},
		[POLICY_TARGETS_ONE_OF],
	)
	.doc("The plugin.");

export type WasmPluginSpec = ValueOf<typeof wasmPluginSpec>;
