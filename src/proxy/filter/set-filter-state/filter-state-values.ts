import type { FieldPath } from "../../../lib/field-path.ts";
import type { FilterStateValue } from "../../../xds/generated/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts";
import { DYNAMIC_HOST, DYNAMIC_PORT } from "../../http/info/dynamic-host.ts";
import { APPLICATION_PROTOCOLS } from "../../http/info/filter-state-keys.ts";
import { compileLogFormat } from "../../router/access-log/log-format.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** Fills filter state for one request or connection. */
export type FilterStateSetter = (state: Map<string, unknown>, ctx: FormatContext) => void;

const list = (text: string): readonly string[] => text.split(",");

/** How texts become objects, by the name of Envoy's factory. Undefined: the text is no such object, and nothing is set. */
const FACTORIES: Readonly<Record<string, (text: string) => unknown>> = {
	"envoy.string": (text) => text,
	"envoy.hashable_string": (text) => text,
	"envoy.tcp_proxy.cluster": (text) => text,
	"envoy.tcp_proxy.disable_tunneling": (text) => text === "true" || text === "1",
	"envoy.tcp_proxy.per_connection_idle_timeout_ms": wholeNumber,
	"envoy.network.upstream_server_name": (text) => text,
	"envoy.network.upstream_subject_alt_names": list,
	[APPLICATION_PROTOCOLS]: list,
	[DYNAMIC_HOST]: (text) => text,
	[DYNAMIC_PORT]: wholeNumber,
};

function wholeNumber(text: string): number | undefined {
	return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Compiles the values that a set_filter_state filter sets (Envoy: Common::SetFilterState::Config). */
export function compileFilterStateValues(
	messages: readonly FilterStateValue[],
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): FilterStateSetter {
	const setters = messages.map((message, i) => compileValue(message, env, at.index(i), problems));
	return (state, ctx) => {
		for (const set of setters) set(state, ctx);
	};
}

function compileValue(
	message: FilterStateValue,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): FilterStateSetter {
	const key = message.key.value ?? "";
	if (key === "") problems.add("missing", at.field("object_key"), "the object has no key", "set it");
	const factory = message.factoryKey || key;
	const make = FACTORIES[factory];
	if (!make && key !== "")
		problems.add(
			"invalid",
			at.field(message.factoryKey ? "factory_key" : "object_key"),
			`"${factory}" does not have an object factory`,
			"set factory_key, for example to envoy.string",
		);
	if (message.value.case === undefined) problems.add("missing", at.field("format_string"), "the value is missing");
	const format = compileLogFormat(message.value.value, env, at.field("format_string"), problems);
	const { skipIfEmpty } = message;
	return (state, ctx) => {
		const text = format(ctx);
		if (skipIfEmpty && text === "") return;
		const value = make?.(text);
		if (value !== undefined) state.set(key, value);
	};
}
