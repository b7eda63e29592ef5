import { defineCommand, MESH_FLAG, NAMESPACE_FLAG, OUTPUT_FLAG } from "../command.ts";
import { type DumpedRoute, type DumpedRouteConfig, type DumpedVirtualHost, parseConfigDump } from "../config-dump.ts";
import { formatConfigRef } from "../config-ref.ts";
import { EXIT } from "../exit-codes.ts";
import { proxyAdmin } from "../proxy-admin.ts";

export const proxyConfigRoutes = defineCommand({
	name: "proxy-config routes",
	aliases: ["route", "r"],
	summary: "List the routes of a proxy in the order in which they are tried",
	args: [{ name: "pod", help: "[deploy/]<name>[.<namespace>]", required: true, completes: "pod" }],
	flags: {
		data: MESH_FLAG,
		namespace: NAMESPACE_FLAG,
		output: OUTPUT_FLAG,
		name: { value: "name", help: "only the route configuration of this name" },
	},
	examples: [
		"lateen proxy-config routes deploy/productpage-v1",
		"lateen pc r deploy/productpage-v1 --name http_proxy -o json",
	],
	async run(input) {
		const admin = await proxyAdmin(input);
		const all = parseConfigDump(await admin.get("/config_dump")).routes;
		const wanted = all
			.filter((r) => (input.flag("name") ?? r.name) === r.name)
			.sort((a, b) => (a.name ?? "").localeCompare(b.name ?? ""));
		if (input.flag("output") === "json") {
			input.out.json(wanted);
			return EXIT.ok;
		}
		input.out.table([["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"], ...wanted.flatMap(rows)]);
		return EXIT.ok;
	},
});

function rows(config: DumpedRouteConfig): string[][] {
	return (config.virtualHosts ?? []).flatMap((host) => {
		const first = [config.name ?? "", host.name, domains(host)];
		if (!host.routes?.length) return [[...first, "404", ""]];
		return host.routes.map((route) => [...first, matchText(route), formatConfigRef(route.metadata)]);
	});
}

/** The two shortest, and how many more there are. */
function domains(host: DumpedVirtualHost): string {
	const sorted = [...(host.domains ?? [])].sort((a, b) => a.length - b.length);
	const more = sorted.length - 2;
	return sorted.slice(0, 2).join(", ") + (more > 0 ? ` + ${more} more...` : "");
}

function matchText({ match }: DumpedRoute): string {
	if (match?.path !== undefined) return match.path;
	if (match?.pathSeparatedPrefix !== undefined) return `${match.pathSeparatedPrefix}/*`;
	if (match?.safeRegex) return match.safeRegex.regex ?? "";
	return `${match?.prefix ?? "/"}*`;
}
