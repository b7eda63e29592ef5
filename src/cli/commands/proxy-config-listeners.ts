import { type CommandInput, defineCommand, MESH_FLAG, NAMESPACE_FLAG, OUTPUT_FLAG } from "../command.ts";
import { type DumpedFilterChain, type DumpedListener, parseConfigDump } from "../config-dump.ts";
import { EXIT } from "../exit-codes.ts";
import { proxyAdmin } from "../proxy-admin.ts";

export const proxyConfigListeners = defineCommand({
	name: "proxy-config listeners",
	aliases: ["listener", "l"],
	summary: "List the listeners of a proxy and where their connections go",
	args: [{ name: "pod", help: "[deploy/]<name>[.<namespace>]", required: true, completes: "pod" }],
	flags: {
		data: MESH_FLAG,
		namespace: NAMESPACE_FLAG,
		output: OUTPUT_FLAG,
		address: { value: "ip", help: "only listeners on this address" },
		port: { value: "port", help: "only listeners on this port" },
	},
	examples: [
		"lateen proxy-config listeners deploy/productpage-v1",
		"lateen pc l istio-ingressgateway-7f6b.istio-system --port 8080",
	],
	async run(input) {
		const admin = await proxyAdmin(input);
		const { listeners } = parseConfigDump(await admin.get("/config_dump"));
		const wanted = listeners
			.filter((l) => matches(l, input))
			.sort((a, b) => port(a) - port(b) || address(a).localeCompare(address(b)));
		if (input.flag("output") === "json") {
			input.out.json(wanted);
			return EXIT.ok;
		}
		input.out.table([["ADDRESSES", "PORT", "MATCH", "DESTINATION"], ...wanted.flatMap(rows)]);
		return EXIT.ok;
	},
});

const address = (l: DumpedListener) => l.address?.socketAddress?.address ?? "";
const port = (l: DumpedListener) => l.address?.socketAddress?.portValue ?? 0;

function matches(listener: DumpedListener, { flag }: CommandInput): boolean {
	return (
		(flag("address") ?? address(listener)) === address(listener) &&
		Number(flag("port") ?? port(listener)) === port(listener)
	);
}

function rows(listener: DumpedListener): string[][] {
	const chains = [
		...(listener.filterChains ?? []),
		...(listener.defaultFilterChain ? [listener.defaultFilterChain] : []),
	];
	return chains.map((chain) => [address(listener), String(port(listener)), matchText(chain), destination(chain)]);
}

function matchText({ filterChainMatch: m }: DumpedFilterChain): string {
	const words: string[] = [];
	if (m?.serverNames?.length) words.push(`SNI: ${m.serverNames.join(",")}`);
	if (m?.transportProtocol) words.push(`Trans: ${m.transportProtocol}`);
	if (m?.applicationProtocols?.length) words.push(`App: ${m.applicationProtocols.join(",")}`);
	for (const range of m?.prefixRanges ?? []) words.push(`Addr: ${range.addressPrefix}/${range.prefixLen ?? 0}`);
	if (m?.destinationPort) words.push(`Addr: *:${m.destinationPort}`);
	return words.join("; ") || "ALL";
}

function destination(chain: DumpedFilterChain): string {
	for (const { typedConfig: config } of chain.filters ?? []) {
		if (config?.rds?.routeConfigName) return `Route: ${config.rds.routeConfigName}`;
		if (config?.routeConfig) return `Inline Route: ${inlineRoutes(config.routeConfig)}`;
		if (config?.cluster)
			return config.cluster.endsWith("PassthroughCluster") ? config.cluster : `Cluster: ${config.cluster}`;
		if (config?.weightedClusters)
			return `Cluster: ${config.weightedClusters.clusters?.map((c) => `${c.name} (${c.weight ?? 0})`).join(", ")}`;
	}
	return "Non-HTTP/Non-TCP";
}

function inlineRoutes(config: {
	virtualHosts?: readonly { routes?: readonly { match?: { prefix?: string; path?: string } }[] }[];
}): string {
	const routes = (config.virtualHosts ?? []).flatMap((v) => v.routes ?? []);
	return (
		routes.map((r) => (r.match?.prefix === undefined ? (r.match?.path ?? "regex") : `${r.match.prefix}*`)).join(", ") ||
		"-"
	);
}
