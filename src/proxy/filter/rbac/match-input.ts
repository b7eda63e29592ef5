import type { Any } from "@bufbuild/protobuf/wkt";
import { cidrContains, parseIp } from "../../../lib/cidr.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAny, unpackAs } from "../../../xds/any.ts";
import type { FilterStateInput } from "../../../xds/generated/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts";
import { IpSchema } from "../../../xds/generated/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.ts";
import type {
	HttpRequestHeaderMatchInput,
	HttpRequestQueryParamMatchInput,
} from "../../../xds/generated/envoy/type/matcher/v3/http_inputs_pb.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import { parseQuery } from "../../router/match/query-matcher.ts";
import { requestHeader } from "../../router/match/request-header.ts";
import type { ValueTest } from "../../router/match/string-matcher.ts";
import { connectionOf, type RbacSubject } from "./rbac-subject.ts";
import { ADDRESSES, compileRange, type RuleScope } from "./shared-rules.ts";

/** One value of the subject as text; undefined where there is none: the predicate then does not match. */
export type MatchInput = (subject: RbacSubject) => string | undefined;

const NETWORK = "envoy.extensions.matching.common_inputs.network.v3.";
const SSL = "envoy.extensions.matching.common_inputs.ssl.v3.";

const orNone = (text: string | undefined) => (text === "" ? undefined : text);

/** Type of the input → what it reads. */
const INPUTS: Readonly<Record<string, (config: unknown) => MatchInput>> = {
	"envoy.type.matcher.v3.HttpRequestHeaderMatchInput": (config) => {
		const name = (config as HttpRequestHeaderMatchInput).headerName.toLowerCase();
		return ({ request }) => request && requestHeader(request, name);
	},
	"envoy.type.matcher.v3.HttpRequestQueryParamMatchInput": (config) => {
		const name = (config as HttpRequestQueryParamMatchInput).queryParam;
		return ({ request }) => request && parseQuery(request.path).get(name);
	},
	[`${NETWORK}DestinationIPInput`]: () => ADDRESSES.destination,
	[`${NETWORK}SourceIPInput`]: () => ADDRESSES.remote,
	[`${NETWORK}DirectSourceIPInput`]: () => ADDRESSES.direct,
	[`${NETWORK}DestinationPortInput`]: () => (subject) => String(connectionOf(subject).localPort),
	[`${NETWORK}SourcePortInput`]: () => (subject) => String(connectionOf(subject).sourcePort),
	[`${NETWORK}ServerNameInput`]: () => (subject) => orNone(connectionOf(subject).requestedServerName),
	[`${NETWORK}TransportProtocolInput`]: () => (subject) => connectionOf(subject).transportProtocol,
	[`${NETWORK}ApplicationProtocolInput`]: () => (subject) =>
		connectionOf(subject).applicationProtocol && `'${connectionOf(subject).applicationProtocol}'`,
	[`${NETWORK}FilterStateInput`]: (config) => {
		const { key } = config as FilterStateInput;
		return (subject) => {
			const value = subject.info.filterState.get(key) ?? connectionOf(subject).filterState.get(key);
			return typeof value === "string" ? value : undefined;
		};
	},
	[`${SSL}UriSanInput`]: () => (subject) => orNone(connectionOf(subject).tls?.peer?.uriSans.join(",")),
	[`${SSL}DnsSanInput`]: () => (subject) => orNone(connectionOf(subject).tls?.peer?.dnsSans.join(",")),
	[`${SSL}SubjectInput`]: () => (subject) => orNone(connectionOf(subject).tls?.peer?.subject),
};

/** Compiles an input of a matcher; one that is not known is refused. */
export function compileMatchInput(config: Any | undefined, at: FieldPath, { problems }: RuleScope): MatchInput {
	const type = typeNameOf(config?.typeUrl ?? "");
	const compile = Object.hasOwn(INPUTS, type) ? INPUTS[type] : undefined;
	if (config && compile) return compile(unpackAny(config));
	problems.notImplemented(at, `the input ${type || "without a type"}`);
	return () => undefined;
}

/** Compiles a `custom_match`: address ranges; others (CEL) are refused. */
export function compileInputMatcher(config: Any | undefined, at: FieldPath, { problems }: RuleScope): ValueTest {
	const ip = unpackAs(config, IpSchema);
	if (!ip) {
		problems.notImplemented(at, `the matcher ${typeNameOf(config?.typeUrl ?? "") || "without a type"}`);
		return () => false;
	}
	const rangesAt = at.field("typed_config").field("cidr_ranges");
	if (ip.cidrRanges.length === 0) problems.add("missing", rangesAt, "the matcher has no ranges");
	const ranges = ip.cidrRanges.flatMap((range, i) => compileRange(range, rangesAt.index(i), problems) ?? []);
	return (value) => {
		const words = parseIp(value);
		return words !== undefined && ranges.some((range) => cidrContains(range, words));
	};
}
