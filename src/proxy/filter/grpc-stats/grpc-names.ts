import type { FilterConfig } from "../../../xds/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import { serviceAndMethod } from "./call-book.ts";

/** Which part of a stat's name a gRPC request has: `package.Service.Method.`, "" when it is counted without its name; undefined: it is not counted. */
export type NameOf = (path: string) => string | undefined;

/** Reads how the configuration wants requests to be named. */
export function grpcNames(config: FilterConfig): NameOf {
	const { perMethodStatSpecifier: spec, replaceDotsInGrpcServiceName: replaceDots } = config;
	const named = (service: string, method: string) =>
		`${replaceDots ? service.replaceAll(".", "_") : service}.${method}.`;
	if (spec.case === "statsForAllMethods" && spec.value.value)
		return (path) => {
			const call = serviceAndMethod(path);
			return call && named(...call);
		};
	const listed = new Map<string, string>();
	if (spec.case === "individualMethodStatsAllowlist")
		for (const { name, methodNames } of spec.value.services)
			for (const method of methodNames) listed.set(`${name}/${method}`, named(name, method));
	return (path) => {
		const call = serviceAndMethod(path);
		return call && (listed.get(`${call[0]}/${call[1]}`) ?? "");
	};
}
