import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type { StatRules } from "../../../telemetry/metric-registry.ts";
import { unpackAs } from "../../../xds/any.ts";
import { type Discovered, parseConfigSource } from "../../../xds/config-source.ts";
import type {
	Bootstrap,
	Bootstrap_DynamicResources,
} from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { Address } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import {
	ApiConfigSource_ApiType,
	type ConfigSource,
} from "../../../xds/generated/envoy/config/core/v3/config_source_pb.ts";
import type { GrpcService_GoogleGrpc } from "../../../xds/generated/envoy/config/core/v3/grpc_service_pb.ts";
import { FileAccessLogSchema } from "../../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.ts";
import type { SourceAddress } from "../../cluster/cluster.ts";
import { compileResolver } from "../../cluster/compile/compile-resolver.ts";
import { compileSource } from "../../cluster/compile/compile-source.ts";
import type { ResolverConfig } from "../../cluster/compile/resolver-config.ts";
import { type GoogleChannel, parseGoogleChannel } from "../../tls/google-channel.ts";
import { TlsProblems } from "../../tls/tls-problems.ts";
import { compileStatRules } from "../services/stat-rules.ts";
import { NO_RUNTIME, type RuntimeValues, readRuntimeLayers } from "../values/runtime-layers.ts";

export interface SocketPlace {
	readonly ip: string;
	readonly port: number;
}

/** What a bootstrap says beyond its static resources. */
export interface BootstrapSettings {
	/** Undefined: no admin server. */
	readonly admin: SocketPlace | undefined;
	/** Undefined: no ADS stream. */
	readonly ads: AdsSettings | undefined;
	/** Where clusters come from, beside the bootstrap's own. */
	readonly clusters: Discovered | undefined;
	readonly listeners: Discovered | undefined;
	readonly runtime: RuntimeValues;
	/** Undefined: every stat, with the usual tags. */
	readonly statRules: StatRules | undefined;
	/** Where upstream connections come from in clusters that do not say it; undefined: the system's choice. */
	readonly source: SourceAddress | undefined;
	/** Whom clusters ask for names that do not say it; undefined: the system. */
	readonly resolver: ResolverConfig | undefined;
	/** File that gets a line per ejection; undefined: none. */
	readonly outlierLogPath: string | undefined;
}

export interface AdsSettings {
	readonly api: "delta" | "sotw";
	/** A static cluster; its first endpoint is dialled. */
	readonly cluster: string;
	/** In place of the cluster (`google_grpc`). */
	readonly channel: GoogleChannel | undefined;
}

const APIS: Readonly<Record<number, AdsSettings["api"]>> = {
	[ApiConfigSource_ApiType.GRPC]: "sotw",
	[ApiConfigSource_ApiType.DELTA_GRPC]: "delta",
	[ApiConfigSource_ApiType.AGGREGATED_GRPC]: "sotw",
	[ApiConfigSource_ApiType.AGGREGATED_DELTA_GRPC]: "delta",
};

/** As in Envoy the local cluster is one of the bootstrap's own. */
function checkLocalCluster({ clusterManager, staticResources }: Bootstrap, problems: Problem[]): void {
	const name = clusterManager?.localClusterName;
	if (!name || staticResources?.clusters.some((cluster) => cluster.name === name)) return;
	problems.push(
		problem(
			"LTN3549",
			"cluster_manager.local_cluster_name",
			`there is no cluster "${name}"`,
			"define it in static_resources",
		),
	);
}

/** Reads the admin address and dynamic resources; adds what is wrong to `problems`. */
export function readSettings(bootstrap: Bootstrap, problems: Problem[]): BootstrapSettings {
	checkAdmin(bootstrap, problems);
	checkExtensions(bootstrap, problems);
	checkLocalCluster(bootstrap, problems);
	const { cdsConfig, ldsConfig } = bootstrap.dynamicResources ?? {};
	const discovered = (name: string, config: ConfigSource | undefined) =>
		config && parseConfigSource(config, fieldPath(`dynamic_resources.${name}`), problems);
	return {
		clusters: discovered("cds_config", cdsConfig),
		listeners: discovered("lds_config", ldsConfig),
		runtime: bootstrap.layeredRuntime ? readRuntimeLayers(bootstrap.layeredRuntime, problems) : NO_RUNTIME,
		statRules: bootstrap.statsConfig && compileStatRules(bootstrap.statsConfig, problems),
		admin: bootstrap.admin?.address && readAddress(bootstrap.admin.address, "admin.address", problems),
		outlierLogPath: bootstrap.clusterManager?.outlierDetection?.eventLogPath || undefined,
		resolver: compileResolver(bootstrap, "", problems),
		source: compileSource(
			bootstrap.clusterManager?.upstreamBindConfig,
			"cluster_manager.upstream_bind_config",
			problems,
		),
		ads: bootstrap.dynamicResources && readAds(bootstrap, bootstrap.dynamicResources, problems),
	};
}

/** Internal listeners are switched on by an extension that does nothing else: whoever uses one is told there. */
function checkExtensions({ bootstrapExtensions }: Bootstrap, problems: Problem[]): void {
	for (const [i, { name }] of bootstrapExtensions.entries()) {
		if (name === "envoy.bootstrap.internal_listener") continue;
		const what = `the bootstrap extension "${name}" is not implemented by this proxy`;
		problems.push(problem("LTN3529", `bootstrap_extensions[${i}]`, what, "remove it"));
	}
}

/** An access log of the admin pages is not kept; what says that there is to be none is fine. */
function checkAdmin({ admin }: Bootstrap, problems: Problem[]): void {
	const paths = (admin?.accessLog ?? []).map(({ configType }) =>
		configType.case === "typedConfig" ? unpackAs(configType.value, FileAccessLogSchema)?.path : undefined,
	);
	const legacy = admin?.accessLogPath ?? "";
	if (legacy !== "") paths.push(legacy);
	if (paths.every((path) => path === "/dev/null")) return;
	const what = "an access log of the admin pages is not implemented by this proxy";
	problems.push(problem("LTN3528", "admin.access_log", what, "remove it, or log to /dev/null"));
}

function readAddress(address: Address, path: string, problems: Problem[]): SocketPlace | undefined {
	if (address.address.case !== "socketAddress" || address.address.value.portSpecifier.case !== "portValue") {
		problems.push(problem("LTN3520", path, "a socket_address with a port_value is needed"));
		return undefined;
	}
	return { ip: address.address.value.address, port: address.address.value.portSpecifier.value };
}

function readAds(
	bootstrap: Bootstrap,
	dynamic: Bootstrap_DynamicResources,
	problems: Problem[],
): AdsSettings | undefined {
	const source = dynamic.adsConfig;
	const configs = [dynamic.cdsConfig, dynamic.ldsConfig];
	if (!source) {
		if (configs.some((config) => config?.configSourceSpecifier.case === "ads"))
			problems.push(
				problem("LTN3521", "dynamic_resources.ads_config", "there is no ADS to take ads from", "set ads_config"),
			);
		return undefined;
	}
	const at = "dynamic_resources.ads_config";
	const api = APIS[source.apiType];
	if (!api)
		problems.push(problem("LTN3522", `${at}.api_type`, "only GRPC and DELTA_GRPC are implemented by this proxy"));
	const service = source.grpcServices[0]?.targetSpecifier;
	const cluster = service?.case === "envoyGrpc" ? service.value.clusterName : "";
	const channel = service?.case === "googleGrpc" ? readChannel(service.value, problems) : undefined;
	if (source.grpcServices.length !== 1 || (cluster === "" && !channel))
		problems.push(problem("LTN3523", `${at}.grpc_services`, "exactly one gRPC service is needed"));
	else if (!channel && !bootstrap.staticResources?.clusters.some(({ name }) => name === cluster))
		problems.push(
			problem(
				"LTN3524",
				`${at}.grpc_services[0].envoy_grpc.cluster_name`,
				`there is no static cluster "${cluster}"`,
				"add it under static_resources.clusters",
			),
		);
	if (!api || (cluster === "" && !channel)) return undefined;
	return { api, cluster, channel };
}

function readChannel(message: GrpcService_GoogleGrpc, problems: Problem[]): GoogleChannel {
	const found = new TlsProblems();
	const at = fieldPath("dynamic_resources.ads_config.grpc_services[0].google_grpc");
	const channel = parseGoogleChannel(message, at, { environment: process.env, problems: found });
	problems.push(...found.problems);
	return channel;
}
