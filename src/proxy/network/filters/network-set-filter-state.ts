import { fieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import { ConfigSchema } from "../../../xds/generated/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts";
import { compileFilterStateValues } from "../../filter/set-filter-state/filter-state-values.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { ProblemList } from "../../router/problem-list.ts";
import type { NetworkConnection, NetworkFilterFactory } from "../network-filter.ts";

/** Gives each connection filter state from format strings (Envoy: envoy.filters.network.set_filter_state). */
export function networkSetFilterStateFactory({ env }: { readonly env: FormatEnvironment }): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config",
		parse(config, path, name) {
			const message = unpackAs(config, ConfigSchema)!;
			const at = fieldPath(path);
			const problems = new ProblemList();
			const compile = (values: typeof message.onNewConnection, field: string) =>
				compileFilterStateValues(values, env, at.field(field), problems);
			const onNewConnection = compile(message.onNewConnection, "on_new_connection");
			const onHandshake = compile(message.onDownstreamTlsHandshake, "on_downstream_tls_handshake");
			const onData = compile(message.onDownstreamData, "on_downstream_data");
			problems.throwIfAny();
			const readsData = message.onDownstreamData.length > 0;
			return {
				name,
				create: () => ({
					onNewConnection({ connection, info }: NetworkConnection) {
						onNewConnection(connection.filterState, { info });
						// Hands were shaken before filters are asked.
						if (connection.tls) onHandshake(connection.filterState, { info });
						return "continue";
					},
					...(readsData && {
						onData({ connection, info }: NetworkConnection) {
							onData(connection.filterState, { info });
							return "continue" as const;
						},
					}),
				}),
			};
		},
	};
}
