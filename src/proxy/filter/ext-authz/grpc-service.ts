import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Random } from "../../../lib/random.ts";
import type { HeaderValueOption } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
	type DeniedHttpResponse,
	type OkHttpResponse,
} from "../../../xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import type { GrpcTarget } from "../grpc-service.ts";
import { callUnary, type GrpcOutcome } from "../grpc-unary.ts";
import { Append, type AuthzDecision, type HeaderChange, NO_ANSWER } from "./authz-decision.ts";
import type { AuthzService } from "./authz-request.ts";
import { type CheckSettings, checkRequestFor } from "./check-request.ts";

const CHECK_PATH = "/envoy.service.auth.v3.Authorization/Check";
const FORBIDDEN = 403;

/** A service that speaks `envoy.service.auth.v3.Authorization`. */
export function grpcAuthzService(
	target: GrpcTarget,
	settings: CheckSettings,
	deps: { readonly sideCalls: SideCalls; readonly random: Random },
): AuthzService {
	return (request, done) => {
		const id = String(deps.random.below(2 ** 32) * 2 ** 20 + deps.random.below(2 ** 20));
		const message = toBinary(CheckRequestSchema, checkRequestFor(request, settings, id));
		const call = callUnary(deps.sideCalls, { ...target, path: CHECK_PATH, message }, (outcome) =>
			done(readOutcome(outcome)),
		);
		return () => call.cancel();
	};
}

function readOutcome(outcome: GrpcOutcome): AuthzDecision {
	const response = outcome.kind === "message" ? decode(outcome.message) : undefined;
	return response ? readResponse(response) : NO_ANSWER;
}

/** Undefined for bytes that are no CheckResponse: the service is broken. */
function decode(bytes: Uint8Array): CheckResponse | undefined {
	try {
		return fromBinary(CheckResponseSchema, bytes);
	} catch {
		return undefined;
	}
}

function readResponse({ status, httpResponse, dynamicMetadata }: CheckResponse): AuthzDecision {
	const answer = httpResponse.value;
	if ((status?.code ?? 0) === 0) {
		const ok = httpResponse.case === "okResponse" ? httpResponse.value : undefined;
		return okDecision(ok, ok?.dynamicMetadata ?? dynamicMetadata);
	}
	const reply = httpResponse.case === "okResponse" ? undefined : (answer as DeniedHttpResponse | undefined);
	const isError = httpResponse.case === "errorResponse";
	return {
		kind: isError ? "error" : "denied",
		status: reply?.status?.code || (isError ? undefined : FORBIDDEN),
		body: reply?.body ?? "",
		headers: (reply?.headers ?? []).flatMap(replyHeader),
		metadata: dynamicMetadata,
	};
}

/** As Envoy does it: what is to be joined to a header of a reply has nothing to be joined to. */
function replyHeader({ header, append }: HeaderValueOption): (readonly [string, string])[] {
	const name = header?.key.toLowerCase() ?? "";
	if (name === "" || name.startsWith(":") || name === "content-length" || append === true) return [];
	return [[name, headerText(header)]];
}

function okDecision(ok: OkHttpResponse | undefined, metadata: AuthzDecision["metadata"]): AuthzDecision {
	return {
		kind: "ok",
		request: (ok?.headers ?? []).map(changeOf),
		response: (ok?.responseHeadersToAdd ?? []).map(changeOf),
		removeHeaders: ok?.headersToRemove ?? [],
		setParameters: ok?.queryParametersToSet ?? [],
		removeParameters: ok?.queryParametersToRemove ?? [],
		metadata,
	};
}

function changeOf({ header, append, appendAction }: HeaderValueOption): HeaderChange {
	const flagged = append ? Append.APPEND_IF_EXISTS_OR_ADD : Append.OVERWRITE_IF_EXISTS_OR_ADD;
	return {
		name: header?.key.toLowerCase() ?? "",
		value: headerText(header),
		action: append === undefined ? appendAction : flagged,
		joins: append === true,
	};
}

const BREAKS = /[\r\n\0]/g;

function headerText(header: HeaderValueOption["header"]): string {
	const bytes = header && header.rawValue.length > 0 ? header.rawValue : new TextEncoder().encode(header?.value);
	let text = "";
	for (const byte of bytes) text += String.fromCharCode(byte);
	return text.replace(BREAKS, " ");
}
