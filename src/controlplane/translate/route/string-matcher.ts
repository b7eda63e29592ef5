import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
	HeaderMatcherSchema,
	QueryParameterMatcherSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { StringMatcherSchema } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import type { StringMatch } from "../../model/string-match.ts";

type ValueMatch = Exclude<StringMatch, { kind: "present" }>;

/** Exact, prefix or whole-value regular expression. */
export function stringMatcher(match: ValueMatch): MessageInitShape<typeof StringMatcherSchema> {
	switch (match.kind) {
		case "exact":
			return { matchPattern: { case: "exact", value: match.value } };
		case "prefix":
			return { matchPattern: { case: "prefix", value: match.value } };
		case "regex":
			return { matchPattern: { case: "safeRegex", value: { regex: match.value } } };
	}
}

export function headerMatcher(name: string, match: StringMatch): MessageInitShape<typeof HeaderMatcherSchema> {
	if (match.kind === "present") return { name, headerMatchSpecifier: { case: "presentMatch", value: true } };
	return { name, headerMatchSpecifier: { case: "stringMatch", value: stringMatcher(match) } };
}

/** `withoutHeaders`: a missing header counts as an empty value, so it passes every value test (istio-traffic-api.md 1.3). */
export function headerAbsence(name: string, match: StringMatch): MessageInitShape<typeof HeaderMatcherSchema> {
	const treatMissingHeaderAsEmpty = match.kind !== "present";
	return { ...headerMatcher(name, match), name, invertMatch: true, treatMissingHeaderAsEmpty };
}

export function queryMatcher(name: string, match: StringMatch): MessageInitShape<typeof QueryParameterMatcherSchema> {
	if (match.kind === "present") return { name, queryParameterMatchSpecifier: { case: "presentMatch", value: true } };
	return { name, queryParameterMatchSpecifier: { case: "stringMatch", value: stringMatcher(match) } };
}
