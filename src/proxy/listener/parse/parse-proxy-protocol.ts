import type { FieldPath } from "../../../lib/field-path.ts";
import type { Problem } from "../../../lib/problem.ts";
import {
	ProxyProtocolPassThroughTLVs_PassTLVsMatchType as MatchType,
	ProxyProtocolConfig_Version as Version,
} from "../../../xds/generated/envoy/config/core/v3/proxy_protocol_pb.ts";
import {
	ProxyProtocol_KeyValuePair_ValueStringEncoding as Encoding,
	ProxyProtocol_TlvLocation as Location,
	type ProxyProtocol,
} from "../../../xds/generated/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts";
import type { ProxyProtocolConfig, TlvRule } from "../inspect/proxy-protocol.ts";
import { invalid, missing } from "./listener-problems.ts";

const DEFAULT_NAMESPACE = "envoy.filters.listener.proxy_protocol";

/** Reads the PROXY protocol listener filter. */
export function parseProxyProtocol(message: ProxyProtocol, at: FieldPath, problems: Problem[]): ProxyProtocolConfig {
	const disallowed = new Set(message.disallowedVersions);
	if (disallowed.has(Version.V1) && disallowed.has(Version.V2)) {
		const text = "all PROXY protocol versions are disallowed";
		problems.push(invalid(at.field("disallowed_versions"), text, "leave one"));
	}
	return {
		statPrefix: message.statPrefix,
		optional: message.allowRequestsWithoutProxyProtocol,
		allowV1: !disallowed.has(Version.V1),
		allowV2: !disallowed.has(Version.V2),
		rules: parseRules(message, at.field("rules"), problems),
		rulesInto: message.tlvLocation === Location.FILTER_STATE ? "filter-state" : "metadata",
		passesThrough: passThrough(message),
	};
}

function parseRules({ rules }: ProxyProtocol, at: FieldPath, problems: Problem[]): Map<number, TlvRule> {
	const parsed = new Map<number, TlvRule>();
	for (const [i, { tlvType, onTlvPresent }] of rules.entries()) {
		if (tlvType > 255) problems.push(invalid(at.index(i).field("tlv_type"), `${tlvType} is above 255`, ""));
		if (onTlvPresent && onTlvPresent.key === "")
			problems.push(missing(at.index(i).field("on_tlv_present").field("key")));
		if (!onTlvPresent) continue;
		parsed.set(tlvType, {
			namespace: onTlvPresent.metadataNamespace || DEFAULT_NAMESPACE,
			key: onTlvPresent.key,
			base64: onTlvPresent.valueStringEncoding === Encoding.BASE64,
		});
	}
	return parsed;
}

function passThrough({ passThroughTlvs: pass }: ProxyProtocol): (type: number) => boolean {
	if (!pass) return () => false;
	if (pass.matchType === MatchType.INCLUDE_ALL) return () => true;
	const wanted = new Set(pass.tlvType);
	return (type) => wanted.has(type);
}
