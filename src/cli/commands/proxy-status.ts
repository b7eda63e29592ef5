import { formatAge } from "../age.ts";
import { defineCommand, MESH_FLAG, OUTPUT_FLAG } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";
import { getJson, requireMesh } from "../mesh-access.ts";
import { type ProxySync, sinceOf, type TypeSync } from "../proxy-sync.ts";

const TYPES = ["CDS", "LDS", "EDS", "RDS"];

export const proxyStatus = defineCommand({
	name: "proxy-status",
	aliases: ["ps"],
	summary: "Show whether each proxy has its latest configuration",
	details:
		"SYNCED: acknowledged. STALE: sent, no answer yet. ERROR: refused by the proxy, the reason follows. NOT SENT: nothing to send.",
	args: [{ name: "pod", help: "only this proxy: <pod>[.<namespace>]", completes: "pod" }],
	flags: { data: MESH_FLAG, output: OUTPUT_FLAG },
	examples: ["lateen proxy-status", "lateen proxy-status reviews-v1-6d8f.default -o json"],
	async run({ args, flag, out }) {
		const mesh = requireMesh(flag("data"));
		const all = await getJson<ProxySync[]>(`${mesh.urls.controlPlaneDebug}/debug/syncz`);
		const wanted = args[0];
		const proxies =
			wanted === undefined ? all : all.filter((p) => p.proxy === wanted || p.proxy.split(".")[0] === wanted);
		if (wanted !== undefined && proxies.length === 0) throw new CommandError(EXIT.failed, unknownProxy(wanted, all));
		if (flag("output") === "json") {
			out.json(proxies);
			return EXIT.ok;
		}
		const rows = proxies
			.toSorted((a, b) => a.proxy.localeCompare(b.proxy))
			.map((p) => [
				p.proxy,
				p.clusterId || "Kubernetes",
				...TYPES.map((type) => cell(p.types[type])),
				"istiod",
				p.version || "-",
			]);
		out.table([["NAME", "CLUSTER", ...TYPES, "ISTIOD", "VERSION"], ...rows]);
		for (const proxy of proxies) {
			for (const [type, { lastNack }] of Object.entries(proxy.types)) {
				if (lastNack) out.warn(`${proxy.proxy} refused ${type}: ${lastNack.message}`);
			}
		}
		return EXIT.ok;
	},
});

function cell(sync: TypeSync | undefined): string {
	if (!sync || sync.status === "NOT SENT") return "NOT SENT";
	const since = sinceOf(sync);
	return since ? `${sync.status} (${formatAge(Date.now() - Date.parse(since))})` : sync.status;
}

function unknownProxy(wanted: string, all: readonly ProxySync[]): string {
	const names = all.map((p) => p.proxy).sort();
	return `LTN4101 ${wanted}: no proxy of that name is connected. Connected are: ${names.join(", ") || "none"}.`;
}
