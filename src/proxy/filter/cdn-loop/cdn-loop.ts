import type { CdnLoopConfig } from "../../../xds/generated/envoy/extensions/filters/http/cdn_loop/v3/cdn_loop_pb.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import type { LocalReply } from "../../http/message.ts";
import type { HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

const MESSAGE = "envoy.extensions.filters.http.cdn_loop.v3.CdnLoopConfig";
const FIELD = "cdn-loop";

export const CDN_LOOP_SUPPORTED: SupportedFields = { [MESSAGE]: ["cdn_id", "max_allowed_occurrences"] };

const INVALID: LocalReply = {
	status: 400,
	body: "Invalid CDN-Loop header in request.",
	details: "invalid_cdn_loop_header",
};
const LOOP: LocalReply = {
	status: 502,
	body: "The server has detected a loop between CDNs.",
	details: "cdn_loop_detected",
};

/** Tells by `cdn-loop` that a request has been here, and refuses one that has been here too often (RFC 8586; Envoy: CDN loop filter). */
export function cdnLoopFilter(): HttpFilterFactory {
	return {
		typeUrl: `type.googleapis.com/${MESSAGE}`,
		parse(config, path, name) {
			const { cdnId, maxAllowedOccurrences } = config as CdnLoopConfig;
			readingConfig(path, (at, problems) => {
				if (cdnId === "") problems.add("missing", at.field("cdn_id"), "the CDN has no name");
				else if (cdnIdsIn(cdnId)?.[0] !== cdnId)
					problems.add("invalid", at.field("cdn_id"), `"${cdnId}" is neither a host nor a pseudonym`);
			});
			const filter: HttpFilter = {
				decodeHeaders(stream) {
					const { headers } = stream.request;
					const before = headers.get(FIELD);
					const ids = before === undefined ? [] : cdnIdsIn(before);
					const times = ids?.filter((id) => id === cdnId).length ?? 0;
					if (!ids || times > maxAllowedOccurrences) {
						stream.sendLocalReply(ids ? LOOP : INVALID);
						return "stop";
					}
					headers.set(FIELD, before ? `${headers.getJoined(FIELD)},${cdnId}` : cdnId);
					return "pass";
				},
			};
			return { name, create: () => filter };
		},
	};
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const VALUE = `(?:${TOKEN}+|"(?:[^"\\\\]|\\\\.)*")`;
/** One entry of the list, blanks and empty entries before it taken along. */
const ENTRY = new RegExp(
	`[\\t ,]*((?:\\[[0-9A-Fa-f:.]+\\]|${TOKEN}+)(?::\\d*)?)(?:[\\t ]*;[\\t ]*${TOKEN}+=${VALUE})*[\\t ]*(?:,|$)`,
	"y",
);

/** The names of the CDNs in a field; undefined when it is no list of them. */
function cdnIdsIn(text: string): string[] | undefined {
	const ids: string[] = [];
	const end = text.replace(/[\t ,]+$/, "").length;
	ENTRY.lastIndex = 0;
	for (let at = 0; at < end; at = ENTRY.lastIndex) {
		ENTRY.lastIndex = at;
		const entry = ENTRY.exec(text);
		if (!entry) return undefined;
		ids.push(entry[1]!);
	}
	return ids;
}
