import type { FieldPath } from "../../../lib/field-path.ts";
import {
	ProxyProtocolPassThroughTLVs_PassTLVsMatchType as PassType,
	type ProxyProtocolConfig,
	ProxyProtocolConfig_Version as Version,
} from "../../../xds/generated/envoy/config/core/v3/proxy_protocol_pb.ts";
import type { TlsProblems } from "../tls-problems.ts";
import type { Tlv } from "./proxy-header.ts";

/** Which PROXY protocol header goes before a connection's bytes. */
export interface ProxyProtocolRules {
	readonly version: 1 | 2;
	/** Type-length-values of the client's own header that are passed on. */
	readonly pass: "all" | ReadonlySet<number>;
	readonly added: readonly Tlv[];
}

const MAX_TYPE = 255;

/** Reads a ProxyProtocolConfig. */
export function parseProxyProtocol(
	message: ProxyProtocolConfig | undefined,
	at: FieldPath,
	problems: TlsProblems,
): ProxyProtocolRules {
	const pass = message?.passThroughTlvs;
	const added = (message?.addedTlvs ?? []).map(({ type, value, formatString }, i) => {
		const here = at.field("added_tlvs").index(i);
		if (formatString) problems.notImplemented(here.field("format_string"), "a value that is formatted per connection");
		if (type > MAX_TYPE) problems.add("invalid", here.field("type"), "a type is a number from 0 to 255");
		return { type, value };
	});
	return {
		version: message?.version === Version.V2 ? 2 : 1,
		pass: pass?.matchType === PassType.INCLUDE_ALL ? "all" : new Set(pass?.tlvType ?? []),
		added,
	};
}
