import { type CommandInput, defineCommand, MESH_FLAG, NAMESPACE_FLAG, OUTPUT_FLAG } from "../command.ts";
import { type DumpedCluster, parseConfigDump } from "../config-dump.ts";
import { formatConfigRef } from "../config-ref.ts";
import { EXIT } from "../exit-codes.ts";
import { proxyAdmin } from "../proxy-admin.ts";

export const proxyConfigClusters = defineCommand({
	name: "proxy-config clusters",
	aliases: ["cluster", "c"],
	summary: "List the clusters of a proxy",
	args: [{ name: "pod", help: "[deploy/]<name>[.<namespace>]", required: true, completes: "pod" }],
	flags: {
		data: MESH_FLAG,
		namespace: NAMESPACE_FLAG,
		output: OUTPUT_FLAG,
		fqdn: { value: "host", help: "only clusters of this host" },
		port: { value: "port", help: "only clusters of this port" },
		subset: { value: "name", help: "only clusters of this subset" },
		direction: { value: "direction", help: "inbound or outbound", choices: ["inbound", "outbound"] },
	},
	examples: [
		"lateen proxy-config clusters deploy/productpage-v1",
		"lateen pc c reviews-v1-6d8f --fqdn reviews.default.svc.cluster.local -o json",
	],
	async run(input) {
		const admin = await proxyAdmin(input);
		const { clusters } = parseConfigDump(await admin.get("/config_dump"));
		const wanted = clusters.filter((cluster) => matches(cluster, input));
		if (input.flag("output") === "json") {
			input.out.json(wanted);
			return EXIT.ok;
		}
		const rows = wanted.map(row).sort((a, b) => a.join("|").localeCompare(b.join("|")));
		input.out.table([["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"], ...rows]);
		return EXIT.ok;
	},
});

/** `outbound|9080|v1|reviews.default.svc.cluster.local`; a cluster that is not named so has only its name. */
function parts(name: string): { direction: string; port: string; subset: string; host: string } | undefined {
	const [direction, port, subset, host] = name.split("|");
	return host === undefined ? undefined : { direction: direction!, port: port!, subset: subset!, host };
}

function matches(cluster: DumpedCluster, { flag }: CommandInput): boolean {
	const p = parts(cluster.name);
	const asks = { host: flag("fqdn"), port: flag("port"), subset: flag("subset"), direction: flag("direction") };
	return Object.entries(asks).every(([key, want]) => want === undefined || p?.[key as keyof typeof p] === want);
}

function row(cluster: DumpedCluster): string[] {
	const p = parts(cluster.name);
	const type = cluster.type ?? cluster.clusterType?.name ?? "STATIC";
	const rule = formatConfigRef(cluster.metadata);
	if (!p) return [cluster.name, "-", "-", "-", type, rule];
	return [p.host, p.port, p.subset || "-", p.direction, type, rule];
}
