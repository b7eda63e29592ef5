import type { Config } from "../../../xds/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import type { HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { compileFilterStateValues } from "./filter-state-values.ts";

/** Gives each request filter state from format strings (Envoy: envoy.filters.http.set_filter_state). */
export function setFilterStateFilter({ env }: { readonly env: FormatEnvironment }): HttpFilterFactory {
	const read = (config: unknown, path: string) =>
		readingConfig(path, (at, problems) => {
			const { onRequestHeaders, clearRouteCache } = config as Config;
			const set = compileFilterStateValues(onRequestHeaders, env, at.field("on_request_headers"), problems);
			return { set, clearRouteCache };
		});
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
		parse(config, path, name) {
			const own = read(config, path);
			return {
				name,
				create: () => ({
					decodeHeaders(stream) {
						const { request, info, connection } = stream;
						const { set, clearRouteCache } = (stream.routeConfig(name) as typeof own | undefined) ?? own;
						info.connection ??= connection;
						set(info.filterState, { info, request });
						if (clearRouteCache) stream.clearRoute();
						return "pass";
					},
				}),
			};
		},
		parseRoute: read,
	};
}
