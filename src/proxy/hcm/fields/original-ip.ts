import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import {
	type CustomHeaderConfig,
	CustomHeaderConfigSchema,
} from "../../../xds/generated/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.ts";
import {
	type XffConfig,
	XffConfigSchema,
} from "../../../xds/generated/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { type AddressRange, addressRange, isIpAddress } from "./internal-address.ts";

export const ORIGINAL_IP_SUPPORTED: SupportedFields = {
	"envoy.extensions.http.original_ip_detection.xff.v3.XffConfig": "*",
	"envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig": "*",
};

/** Where a client is taken to be, and how far that is to be believed. */
export interface DetectedClient {
	/** Undefined: the next extension may know. */
	readonly ip: string | undefined;
	/** It may count as internal. */
	readonly trusted: boolean;
	/** The direct peer is to be added to x-forwarded-for. */
	readonly appendsPeer: boolean;
}

/** Finds the client's address in a request (Envoy: original_ip_detection_extensions); a number: refuse with this status. */
export type IpDetection = (headers: HeaderMap, peerIp: string) => DetectedClient | number;

/** Reads the extensions in their order; adds what is wrong to `problems`. */
export function parseIpDetections(
	extensions: readonly TypedExtensionConfig[],
	at: FieldPath,
	problems: Problem[],
): IpDetection[] {
	return extensions.flatMap(({ name, typedConfig }, i) => {
		const here = at.index(i).field("typed_config");
		const xff = unpackAs(typedConfig, XffConfigSchema);
		if (xff) return fromForwardedFor(xff, here, problems);
		const custom = unpackAs(typedConfig, CustomHeaderConfigSchema);
		if (custom) return fromHeader(custom, here, problems);
		problems.push(problem("LTN3101", here.toString(), `"${name}" is not implemented by this proxy`, "remove it"));
		return [];
	});
}

function fromForwardedFor(config: XffConfig, at: FieldPath, problems: Problem[]): IpDetection {
	const { xffNumTrustedHops: hops, xffTrustedCidrs, skipXffAppend = true } = config;
	const ranges: AddressRange[] = [];
	for (const [i, { addressPrefix, prefixLen }] of (xffTrustedCidrs?.cidrs ?? []).entries()) {
		const range = addressRange(addressPrefix, prefixLen ?? 0);
		const where = at.field("xff_trusted_cidrs").field("cidrs").index(i).toString();
		if (range) ranges.push(range);
		else problems.push(problem("LTN3102", where, `"${addressPrefix}" with this length is no address range`));
	}
	if (xffTrustedCidrs && hops > 0)
		problems.push(problem("LTN3102", at.toString(), "xff_num_trusted_hops and xff_trusted_cidrs exclude each other"));
	const appendsPeer = !skipXffAppend;
	const unknown = { ip: undefined, trusted: false, appendsPeer };
	return (headers, peerIp) => {
		const forwarded = headers.getJoined("x-forwarded-for");
		if (forwarded === undefined) return unknown;
		const ips = forwarded.split(",").map((ip) => ip.trim());
		const ip = xffTrustedCidrs ? lastUntrusted(ips, peerIp, ranges) : ips.at(-1 - hops);
		if (ip === undefined || !isIpAddress(ip)) return unknown;
		return { ip, trusted: ips.length === 1, appendsPeer };
	};
}

/** From the right, the first address that is in no trusted range; the leftmost one when all are. */
function lastUntrusted(ips: readonly string[], peerIp: string, trusted: readonly AddressRange[]): string | undefined {
	const isTrusted = (ip: string) => trusted.some((range) => range.contains(ip));
	if (!isTrusted(peerIp)) return undefined;
	return ips.findLast((ip) => !isTrusted(ip)) ?? ips[0];
}

const UNKNOWN: DetectedClient = { ip: undefined, trusted: false, appendsPeer: false };

function fromHeader(config: CustomHeaderConfig, at: FieldPath, problems: Problem[]): IpDetection {
	const name = config.headerName.toLowerCase();
	if (name === "")
		problems.push(problem("LTN3103", at.field("header_name").toString(), "the field is required", "set it"));
	// Envoy: 403 unless the status is an error's.
	const named = config.rejectWithStatus?.code ?? 0;
	const status = config.rejectWithStatus ? (named >= 400 && named < 511 ? named : 403) : undefined;
	return (headers) => {
		const ip = headers.get(name)?.trim();
		if (ip === undefined || !isIpAddress(ip)) return status ?? UNKNOWN;
		return { ip, trusted: config.allowExtensionToSetAddressAsTrusted, appendsPeer: false };
	};
}
