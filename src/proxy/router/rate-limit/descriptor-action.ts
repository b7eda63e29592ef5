import { cidrContains, formatMasked, parseCidr, parseIp } from "../../../lib/cidr.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	RateLimit_Action as Action,
	RateLimit_Action_HeaderValueMatch as HeaderValueMatch,
	RateLimit_Action_MaskedRemoteAddress as MaskedRemoteAddress,
	RateLimit_Action_MetaData as MetaData,
	RateLimit_Action_QueryParameterValueMatch as QueryParameterValueMatch,
	RateLimit_Action_RemoteAddressMatch as RemoteAddressMatch,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RateLimit_Action_MetaData_Source as MetaDataSource } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { MetadataKey } from "../../../xds/generated/envoy/type/metadata/v3/metadata_pb.ts";
import { splitAddress } from "../format/address-operators.ts";
import type { FormatEnvironment } from "../format/format-context.ts";
import { compileTextFormat } from "../format/text-format.ts";
import { compileHeaderMatcher } from "../match/header-matcher.ts";
import { compileQueryMatcher, parseQuery } from "../match/query-matcher.ts";
import { firstRequestHeader, requestHeader } from "../match/request-header.ts";
import { valueAtPath } from "../match/value-matcher.ts";
import type { ProblemList } from "../problem-list.ts";
import type { DescriptorContext, DescriptorEntry } from "./descriptor.ts";

/** One entry of a descriptor; "skip": none, but the rest counts; undefined: there is no descriptor for this request. */
export type DescriptorAction = (ctx: DescriptorContext) => DescriptorEntry | "skip" | undefined;

export interface ActionScope {
	readonly env: FormatEnvironment;
	readonly problems: ProblemList;
}

type Specifier = Action["actionSpecifier"];
type ActionCompilers = {
	readonly [K in NonNullable<Specifier["case"]>]: (
		value: Extract<Specifier, { case: K }>["value"],
		at: FieldPath,
		scope: ActionScope,
	) => DescriptorAction;
};

const COMPILERS: ActionCompilers = {
	sourceCluster: () => (ctx) => ({ key: "source_cluster", value: ctx.serviceCluster }),
	destinationCluster: () => (ctx) => ({ key: "destination_cluster", value: ctx.destinationCluster }),
	requestHeaders: ({ headerName, descriptorKey: key, skipIfAbsent }, at, { problems }) => {
		need(headerName, at.field("header_name"), problems);
		need(key, at.field("descriptor_key"), problems);
		const name = headerName.toLowerCase();
		return ({ request }) => entryOr(key, firstRequestHeader(request, name), skipIfAbsent);
	},
	queryParameters: ({ queryParameterName: name, descriptorKey: key, skipIfAbsent }, at, { problems }) => {
		need(name, at.field("query_parameter_name"), problems);
		need(key, at.field("descriptor_key"), problems);
		return ({ request }) => entryOr(key, parseQuery(request.path).get(name), skipIfAbsent);
	},
	remoteAddress: () => (ctx) => entryOr("remote_address", remoteIp(ctx), false),
	maskedRemoteAddress: compileMasked,
	genericKey: ({ descriptorKey, descriptorValue, defaultValue }, at, scope) => {
		need(descriptorValue, at.field("descriptor_value"), scope.problems);
		return formatted(descriptorKey || "generic_key", descriptorValue, defaultValue, { at, scope });
	},
	headerValueMatch: compileHeaderMatch,
	queryParameterValueMatch: compileQueryMatch,
	dynamicMetadata: ({ descriptorKey, metadataKey, defaultValue }, at, scope) =>
		compileMetadata(
			{ descriptorKey, metadataKey, defaultValue, source: MetaDataSource.DYNAMIC, skipIfAbsent: false },
			at,
			scope,
		),
	metadata: compileMetadata,
	remoteAddressMatch: compileAddressMatch,
	extension: (extension, at, { problems }) => {
		problems.notImplemented(at, `the descriptor extension ${extension.name}`);
		return () => undefined;
	},
};

/** Compiles one action of a rate limit (Envoy: RateLimit.Action). */
export function compileDescriptorAction(
	{ actionSpecifier: spec }: Action,
	at: FieldPath,
	scope: ActionScope,
): DescriptorAction {
	if (spec.case === undefined) {
		scope.problems.add("missing", at, "the action says nothing");
		return () => undefined;
	}
	const compile = COMPILERS[spec.case] as (value: unknown, at: FieldPath, scope: ActionScope) => DescriptorAction;
	return compile(spec.value, at.field(spec.case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)), scope);
}

function need(text: string, at: FieldPath, problems: ProblemList): void {
	if (text === "") problems.add("missing", at, "this must not be empty");
}

function entryOr(key: string, value: string | undefined, skips: boolean): DescriptorEntry | "skip" | undefined {
	if (value === undefined || value === "") return skips ? "skip" : undefined;
	return { key, value };
}

function remoteIp({ info }: DescriptorContext): string | undefined {
	const ip = splitAddress(info.downstreamRemoteAddress)?.ip;
	return ip !== undefined && parseIp(ip) ? ip : undefined;
}

interface Place {
	readonly at: FieldPath;
	readonly scope: ActionScope;
}

/** A value that may hold format operators; `otherwise` stands in for an empty one. */
function formatted(key: string, text: string, otherwise: string, { at, scope }: Place): DescriptorAction {
	const valueAt = at.field("descriptor_value");
	const format = compileTextFormat(text, { env: scope.env, missing: "" }, valueAt, scope.problems);
	return (ctx) => entryOr(key, format.format(ctx) || otherwise, false);
}

function compileMasked(message: MaskedRemoteAddress, at: FieldPath, { problems }: ActionScope): DescriptorAction {
	const v4 = message.v4PrefixMaskLen ?? 32;
	const v6 = message.v6PrefixMaskLen ?? 128;
	if (v4 > 32) problems.add("invalid", at.field("v4_prefix_mask_len"), "an IPv4 prefix has at most 32 bits");
	if (v6 > 128) problems.add("invalid", at.field("v6_prefix_mask_len"), "an IPv6 prefix has at most 128 bits");
	return (ctx) => {
		const words = parseIp(remoteIp(ctx) ?? "");
		if (!words) return undefined;
		const length = words.length === 1 ? v4 : v6;
		return { key: "masked_remote_address", value: `${formatMasked(words, length)}/${length}` };
	};
}

function compileHeaderMatch(message: HeaderValueMatch, at: FieldPath, scope: ActionScope): DescriptorAction {
	const tests = message.headers.map((header, i) =>
		compileHeaderMatcher(header, at.field("headers").index(i), scope.problems),
	);
	if (tests.length === 0) scope.problems.add("missing", at.field("headers"), "there are no headers to match");
	const expected = message.expectMatch ?? true;
	const entry = matchEntry(message, "header_match", at, scope);
	return (ctx) => {
		const matches = tests.every(({ name, test }) => test(requestHeader(ctx.request, name)));
		return matches === expected ? entry(ctx) : undefined;
	};
}

function compileQueryMatch(message: QueryParameterValueMatch, at: FieldPath, scope: ActionScope): DescriptorAction {
	const tests = message.queryParameters.map((parameter, i) =>
		compileQueryMatcher(parameter, at.field("query_parameters").index(i), scope.problems),
	);
	if (tests.length === 0) scope.problems.add("missing", at.field("query_parameters"), "there is nothing to match");
	const expected = message.expectMatch ?? true;
	const entry = matchEntry(message, "query_match", at, scope);
	return (ctx) => {
		const query = parseQuery(ctx.request.path);
		return tests.every((test) => test(query)) === expected ? entry(ctx) : undefined;
	};
}

function compileAddressMatch(message: RemoteAddressMatch, at: FieldPath, scope: ActionScope): DescriptorAction {
	const rangesAt = at.field("address_matcher").field("ranges");
	const ranges = (message.addressMatcher?.ranges ?? []).flatMap(({ addressPrefix, prefixLen }, i) => {
		const range = parseCidr(addressPrefix, prefixLen ?? 0);
		if (!range) scope.problems.add("invalid", rangesAt.index(i), `${addressPrefix}/${prefixLen ?? 0} is no range`);
		return range ?? [];
	});
	const inverted = message.addressMatcher?.invertMatch ?? false;
	const entry = matchEntry(message, "remote_address_match", at, scope);
	return (ctx) => {
		const ip = parseIp(remoteIp(ctx) ?? "");
		return ip && ranges.some((range) => cidrContains(range, ip)) !== inverted ? entry(ctx) : undefined;
	};
}

function matchEntry(
	message: { descriptorKey: string; descriptorValue: string; defaultValue: string },
	key: string,
	at: FieldPath,
	scope: ActionScope,
): DescriptorAction {
	need(message.descriptorValue, at.field("descriptor_value"), scope.problems);
	return formatted(message.descriptorKey || key, message.descriptorValue, message.defaultValue, { at, scope });
}

type MetaDataFields = Pick<MetaData, "descriptorKey" | "metadataKey" | "defaultValue" | "source" | "skipIfAbsent">;

function compileMetadata(message: MetaDataFields, at: FieldPath, { problems }: ActionScope): DescriptorAction {
	const { descriptorKey: key, metadataKey, defaultValue, source, skipIfAbsent } = message;
	need(key, at.field("descriptor_key"), problems);
	if (!metadataKey) problems.add("missing", at.field("metadata_key"), "the action names no metadata");
	if (source !== MetaDataSource.DYNAMIC && source !== MetaDataSource.ROUTE_ENTRY)
		problems.notImplemented(at.field("source"), "metadata of the virtual host");
	const path = metadataPath(metadataKey);
	return (ctx) => {
		const { namespace, keys } = path;
		const root =
			source === MetaDataSource.DYNAMIC ? ctx.info.dynamicMetadata.get(namespace) : ctx.route?.metadata[namespace];
		const value = valueAtPath(root, keys);
		return entryOr(key, (typeof value === "string" ? value : "") || defaultValue, skipIfAbsent);
	};
}

/** Namespace and keys of a `MetadataKey`. */
export function metadataPath(key: MetadataKey | undefined): { namespace: string; keys: readonly string[] } {
	return { namespace: key?.key ?? "", keys: (key?.path ?? []).map(({ segment }) => String(segment.value ?? "")) };
}
