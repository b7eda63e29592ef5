import { defineCommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";

/** Listed here for help and completion; `main.ts` starts the proxy before this is loaded. */
export const proxy = defineCommand({
	name: "proxy",
	summary: "Run only the proxy, from an Envoy bootstrap file",
	details:
		"Static resources and ADS. A field that this proxy does not obey is refused with its path. Envoy's flags for hot restart, log format and the like are taken and change nothing.",
	flags: {
		"config-path": { short: "c", value: "file", help: "the bootstrap, YAML or JSON" },
		"log-level": {
			short: "l",
			value: "level",
			help: "trace, debug, info, warning, error, critical, off",
			default: "info",
		},
		"component-log-level": { value: "list", help: "levels of components: upstream:debug,http:trace" },
		mode: {
			value: "mode",
			help: "what to do with the file",
			default: "serve",
			choices: ["serve", "validate"],
		},
		"config-yaml": { value: "text", help: "the bootstrap itself, or what is merged into the file" },
		concurrency: { value: "threads", help: "how many threads serve; 0: one per core", default: "1" },
		"allow-unknown-static-fields": { help: "pass over fields that no message has" },
		"admin-address-path": { value: "file", help: "where to write the address of the admin interface" },
		"service-node": { value: "id", help: "node id, when the bootstrap has none" },
		"service-cluster": { value: "name", help: "node cluster, when the bootstrap has none" },
		"drain-time-s": { value: "seconds", help: "how long connections drain when a listener goes", default: "600" },
		"shutdown-deadline-s": { value: "seconds", help: "how long a graceful stop may take", default: "10" },
	},
	examples: ["lateen proxy -c bootstrap.yaml", "lateen proxy -c bootstrap.yaml --mode validate"],
	async run() {
		const { runProxy } = await import("../../app/proxy.ts");
		await runProxy(process.argv.slice(3));
		return Number(process.exitCode ?? EXIT.ok);
	},
});
