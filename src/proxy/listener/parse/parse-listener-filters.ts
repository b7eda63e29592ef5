import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Problem } from "../../../lib/problem.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import { unpackAny } from "../../../xds/any.ts";
import type { ListenerFilter as ListenerFilterMessage } from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import type { HttpInspector } from "../../../xds/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts";
import type { LocalRateLimit } from "../../../xds/generated/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.ts";
import type { OriginalDst } from "../../../xds/generated/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts";
import type { ProxyProtocol } from "../../../xds/generated/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts";
import type { TlsInspector } from "../../../xds/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import { TokenBucket } from "../../network/filters/token-bucket.ts";
import { compilePredicate } from "../inspect/filter-predicate.ts";
import { createHttpInspector } from "../inspect/http-inspector.ts";
import type { ListenerFilter, ListenerFilterConfig } from "../inspect/listener-filter.ts";
import { createListenerRateLimit } from "../inspect/listener-rate-limit.ts";
import { createOriginalDestination } from "../inspect/original-destination.ts";
import { createProxyProtocol } from "../inspect/proxy-protocol.ts";
import { destinationReader } from "../inspect/socket-destination.ts";
import { createTlsInspector } from "../inspect/tls-inspector.ts";
import { invalid, missing, notImplemented } from "./listener-problems.ts";
import { parseProxyProtocol } from "./parse-proxy-protocol.ts";

/** What listener filters are built with. */
export interface ListenerFilterDeps {
	readonly clock: Clock;
	readonly metrics: Pick<Metrics, "scope">;
}

interface Parsing extends ListenerFilterDeps {
	readonly problems: Problem[];
}

type Parse<M> = (message: M, at: FieldPath, on: Parsing) => ListenerFilter | undefined;

const MAX_HELLO_BYTES = 64 * 1024;
const EXTENSIONS = "envoy.extensions.filters.listener";

/** Type of the config message → how the filter is made; all of them are shared by all connections. */
const PARSERS: Readonly<Record<string, Parse<never>>> = {
	[`${EXTENSIONS}.tls_inspector.v3.TlsInspector`]: parseTlsInspector as Parse<never>,
	[`${EXTENSIONS}.http_inspector.v3.HttpInspector`]: ((_: HttpInspector, _at, { metrics }) =>
		createHttpInspector(metrics)) as Parse<never>,
	[`${EXTENSIONS}.proxy_protocol.v3.ProxyProtocol`]: ((message: ProxyProtocol, at, { metrics, problems }) =>
		createProxyProtocol(parseProxyProtocol(message, at, problems), metrics)) as Parse<never>,
	[`${EXTENSIONS}.original_dst.v3.OriginalDst`]: ((_: OriginalDst, at, { problems }) =>
		originalDestination(at, problems)) as Parse<never>,
	[`${EXTENSIONS}.local_ratelimit.v3.LocalRateLimit`]: parseRateLimit as Parse<never>,
};

/** Reads `listener_filters`; a listener that restores destinations has that filter, written or not (as Envoy). */
export function parseListenerFilters(
	message: Listener,
	at: FieldPath,
	deps: ListenerFilterDeps,
	problems: Problem[],
): ListenerFilterConfig[] {
	const on: Parsing = { ...deps, problems };
	const filters = message.listenerFilters.flatMap((filter, i) =>
		parseFilter(filter, at.field("listener_filters").index(i), on),
	);
	const { useOriginalDst } = message;
	const written = message.listenerFilters.some(({ configType }) => typeOf(configType)?.endsWith(".OriginalDst"));
	if (!useOriginalDst || written) return filters;
	const filter = originalDestination(at.field("use_original_dst"), problems);
	return filter ? [{ name: "envoy.filters.listener.original_dst", create: () => filter }, ...filters] : filters;
}

function typeOf(config: ListenerFilterMessage["configType"]): string | undefined {
	return config.case === "typedConfig" ? typeNameOf(config.value.typeUrl) : undefined;
}

function parseFilter(message: ListenerFilterMessage, at: FieldPath, on: Parsing): ListenerFilterConfig[] {
	const { configType, filterDisabled, name } = message;
	if (configType.case !== "typedConfig") {
		on.problems.push(missing(at.field("typed_config")));
		return [];
	}
	const where = at.field("typed_config");
	const parse = PARSERS[typeOf(configType) ?? ""];
	if (!parse) {
		on.problems.push(notImplemented(where, `the listener filter ${configType.value.typeUrl}`, "remove the filter"));
		return [];
	}
	const filter = parse(unpackAny(configType.value) as never, where, on);
	const disabled = filterDisabled && compilePredicate(filterDisabled, at.field("filter_disabled"), on.problems);
	if (!filter) return [];
	return [{ name, create: () => filter, ...(disabled && { disabled }) }];
}

function parseTlsInspector(message: TlsInspector, at: FieldPath, { metrics, problems }: Parsing): ListenerFilter {
	const maxBytes = message.maxClientHelloSize ?? MAX_HELLO_BYTES;
	const initial = message.initialReadBufferSize;
	if (maxBytes < 256 || maxBytes > MAX_HELLO_BYTES)
		problems.push(
			invalid(at.field("max_client_hello_size"), `${maxBytes} is not between 256 and ${MAX_HELLO_BYTES}`, ""),
		);
	if (initial !== undefined && (initial < 256 || initial > MAX_HELLO_BYTES))
		problems.push(
			invalid(at.field("initial_read_buffer_size"), `${initial} is not between 256 and ${MAX_HELLO_BYTES}`, ""),
		);
	const settings = {
		maxClientHelloBytes: maxBytes,
		closeOnErrors: message.closeConnectionOnClientHelloParsingErrors,
	};
	return createTlsInspector(settings, metrics);
}

function originalDestination(at: FieldPath, problems: Problem[]): ListenerFilter | undefined {
	const read = destinationReader();
	if (typeof read !== "string") return createOriginalDestination(read);
	problems.push(invalid(at, `the destination of redirected connections cannot be had: ${read}`, "run on Linux"));
	return undefined;
}

function parseRateLimit(message: LocalRateLimit, at: FieldPath, on: Parsing): ListenerFilter | undefined {
	const { tokenBucket, statPrefix } = message;
	if (statPrefix === "") on.problems.push(missing(at.field("stat_prefix")));
	if (!tokenBucket) {
		on.problems.push(missing(at.field("token_bucket")));
		return undefined;
	}
	const fillIntervalMs = tokenBucket.fillInterval ? durationMs(tokenBucket.fillInterval) : 0;
	if (fillIntervalMs < 50)
		on.problems.push(invalid(at.field("token_bucket").field("fill_interval"), "it is shorter than 50 ms", ""));
	const settings = {
		maxTokens: tokenBucket.maxTokens,
		tokensPerFill: tokenBucket.tokensPerFill ?? 1,
		fillIntervalMs: Math.max(1, fillIntervalMs),
	};
	const enabled = message.runtimeEnabled?.defaultValue ?? true;
	if (!enabled) return { onAccept: () => "done" };
	return createListenerRateLimit(statPrefix, new TokenBucket(settings, on.clock), on.metrics);
}
