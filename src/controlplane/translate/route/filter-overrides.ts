import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { packAny } from "../../../xds/any.ts";
import { CorsPolicySchema } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { HTTPFaultSchema } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import {
	FractionalPercent_DenominatorType,
	type FractionalPercentSchema,
} from "../../../xds/generated/envoy/type/v3/percent_pb.ts";
import type { CorsPolicy, Fault, HttpRule } from "../../model/virtual-service.ts";
import { duration } from "../duration.ts";
import { CORS_FILTER, FAULT_FILTER } from "../filter-names.ts";
import { stringMatcher } from "./string-matcher.ts";

/** Settings of the fault and CORS filters for one route. */
export function filterOverrides({ fault, cors }: HttpRule): Record<string, Any> {
	return {
		...(fault && { [FAULT_FILTER]: packAny(HTTPFaultSchema, faultInit(fault)) }),
		...(cors && { [CORS_FILTER]: packAny(CorsPolicySchema, corsInit(cors)) }),
	};
}

/** Percent with four decimals, as parts per million. */
export function fraction(percent: number): MessageInitShape<typeof FractionalPercentSchema> {
	return { numerator: Math.round(percent * 10_000), denominator: FractionalPercent_DenominatorType.MILLION };
}

function faultInit({ delay, abort }: Fault): MessageInitShape<typeof HTTPFaultSchema> {
	return {
		delay: delay && {
			faultDelaySecifier: { case: "fixedDelay", value: duration(delay.fixedMs) },
			percentage: fraction(delay.percent),
		},
		abort: abort && {
			errorType:
				"grpc" in abort.status
					? { case: "grpcStatus", value: abort.status.grpc }
					: { case: "httpStatus", value: abort.status.http },
			percentage: fraction(abort.percent),
		},
	};
}

function corsInit(cors: CorsPolicy): MessageInitShape<typeof CorsPolicySchema> {
	return {
		allowOriginStringMatch: cors.allowOrigins.map((match) =>
			stringMatcher(match.kind === "present" ? { kind: "prefix", value: "" } : match),
		),
		allowMethods: cors.allowMethods.join(","),
		allowHeaders: cors.allowHeaders.join(","),
		exposeHeaders: cors.exposeHeaders.join(","),
		maxAge: cors.maxAgeMs === undefined ? "" : String(Math.floor(cors.maxAgeMs / 1000)),
		allowCredentials: cors.allowCredentials,
		forwardNotMatchingPreflights: cors.forwardUnmatchedPreflights,
		filterEnabled: {
			defaultValue: { numerator: 100, denominator: FractionalPercent_DenominatorType.HUNDRED },
		},
	};
}
