import { defineCommand, MESH_FLAG, NAMESPACE_FLAG, OUTPUT_FLAG } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { proxyAdmin } from "../proxy-admin.ts";

/** `/clusters?format=json`, as Envoy prints it. */
interface ClusterStatuses {
	readonly cluster_statuses?: readonly { readonly name: string; readonly host_statuses?: readonly HostStatus[] }[];
}

interface HostStatus {
	readonly address?: { readonly socket_address?: { readonly address?: string; readonly port_value?: number } };
	readonly health_status?: {
		readonly eds_health_status?: string;
		readonly failed_outlier_check?: boolean;
		readonly failed_active_health_check?: boolean;
	};
	readonly weight?: number;
}

export const proxyConfigEndpoints = defineCommand({
	name: "proxy-config endpoints",
	aliases: ["endpoint", "ep"],
	summary: "List the endpoints of a proxy with their health and outlier ejection",
	args: [{ name: "pod", help: "[deploy/]<name>[.<namespace>]", required: true, completes: "pod" }],
	flags: {
		data: MESH_FLAG,
		namespace: NAMESPACE_FLAG,
		output: OUTPUT_FLAG,
		cluster: {
			value: "name",
			help: "only endpoints of this cluster, e.g. outbound|9080|v1|reviews.default.svc.cluster.local",
		},
		address: { value: "ip", help: "only endpoints with this address" },
		port: { value: "port", help: "only endpoints with this port" },
		status: { value: "status", help: "only endpoints with this health: healthy, unhealthy, draining" },
	},
	examples: [
		"lateen proxy-config endpoints deploy/productpage-v1 --cluster 'outbound|9080|v1|reviews.default.svc.cluster.local'",
	],
	async run(input) {
		const admin = await proxyAdmin(input);
		const { cluster_statuses: clusters = [] } = await admin.get<ClusterStatuses>("/clusters?format=json");
		const asks = [
			input.flag("address"),
			input.flag("port"),
			input.flag("status")?.toUpperCase(),
			undefined,
			input.flag("cluster"),
		];
		const rows = clusters
			.flatMap((cluster) => (cluster.host_statuses ?? []).map((host) => row(cluster.name, host)))
			.filter(([ip, port, status, check, cluster]) =>
				[ip, port, status, check, cluster].every((cell, i) => (asks[i] ?? cell) === cell),
			)
			.sort((a, b) => a[4]!.localeCompare(b[4]!) || a[0]!.localeCompare(b[0]!));
		if (input.flag("output") === "json") {
			input.out.json(
				rows.map(([address, port, status, outlierCheck, cluster]) => ({
					address,
					port: Number(port),
					status,
					outlierCheck,
					cluster,
				})),
			);
			return EXIT.ok;
		}
		const cells = rows.map(([ip, port, status, check, cluster]) => [`${ip}:${port}`, status!, check!, cluster!]);
		input.out.table([["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"], ...cells]);
		return EXIT.ok;
	},
});

function row(cluster: string, host: HostStatus): string[] {
	const at = host.address?.socket_address;
	const check = host.health_status?.failed_outlier_check ? "FAILED" : "OK";
	return [
		at?.address ?? "",
		String(at?.port_value ?? 0),
		host.health_status?.eds_health_status ?? "UNKNOWN",
		check,
		cluster,
	];
}
