import { durationMs } from "@bufbuild/protobuf/wkt";
import { fieldPath } from "../../../lib/field-path.ts";
import { ProblemError } from "../../../lib/problem.ts";
import {
	type DownstreamTlsContext,
	DownstreamTlsContext_OcspStaplePolicy as OcspPolicy,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { type CommonTls, parseCommonTls } from "../context/common-tls.ts";
import type { SecretReading } from "../secret/data-source.ts";
import { loadTicketKeys } from "../secret/load-secret.ts";
import { parseSecretReference, type SecretReference } from "../secret/secret-reference.ts";
import { TlsProblems } from "../tls-problems.ts";

/** A DownstreamTlsContext, checked. */
export interface DownstreamTlsConfig {
	readonly common: CommonTls;
	readonly requireClientCertificate: boolean;
	readonly tickets: TicketSource;
	/** Undefined: OpenSSL's two hours. */
	readonly sessionTimeoutS: number | undefined;
	readonly fullScan: boolean;
	readonly preferClientCiphers: boolean;
	readonly stapling: Stapling;
}

/** What becomes of a client that asks for a staple (`ocsp_staple_policy`): "lenient" shows one that is in date, "strict" none out of date, "must" always one. */
export type Stapling = "lenient" | "strict" | "must";

export type TicketSource =
	| { readonly kind: "none" }
	/** Keys that the proxy makes. */
	| { readonly kind: "own" }
	| { readonly kind: "given"; readonly keys: readonly Buffer[] }
	| { readonly kind: "secret"; readonly reference: SecretReference };

/** Reads a DownstreamTlsContext; throws ProblemError (LTN38xx) with every problem. */
export function parseDownstreamTls(
	message: DownstreamTlsContext,
	path: string,
	environment: SecretReading["environment"],
): DownstreamTlsConfig {
	const at = fieldPath(path);
	const problems = new TlsProblems();
	const reading = { environment, problems };
	const common = parseCommonTls(message.commonTlsContext, "server", at.field("common_tls_context"), reading);
	if (common.certificates.length === 0)
		problems.add(
			"invalid",
			at.field("common_tls_context"),
			"a server needs a certificate",
			"set tls_certificates or tls_certificate_sds_secret_configs",
		);
	const config = {
		common,
		requireClientCertificate: message.requireClientCertificate ?? false,
		tickets: parseTickets(message, at, reading),
		sessionTimeoutS: message.sessionTimeout && Math.floor(durationMs(message.sessionTimeout) / 1000),
		fullScan: message.fullScanCertsOnSniMismatch ?? false,
		preferClientCiphers: message.preferClientCiphers,
		stapling: STAPLING[message.ocspStaplePolicy],
	};
	if (config.stapling === "must") demandStaples(common, problems);
	if (problems.problems.length > 0) throw new ProblemError(problems.problems);
	return config;
}

const STAPLING: Readonly<Record<OcspPolicy, Stapling>> = {
	[OcspPolicy.LENIENT_STAPLING]: "lenient",
	[OcspPolicy.STRICT_STAPLING]: "strict",
	[OcspPolicy.MUST_STAPLE]: "must",
};

function demandStaples({ certificates }: CommonTls, problems: TlsProblems): void {
	for (const source of certificates)
		if (source.kind === "given" && !source.message.ocspStaple)
			problems.add(
				"invalid",
				fieldPath(source.at).field("ocsp_staple"),
				"the policy is MUST_STAPLE, and there is no staple",
				"set it, or another ocsp_staple_policy",
			);
}

function parseTickets(
	{ sessionTicketKeysType: chosen }: DownstreamTlsContext,
	at: ReturnType<typeof fieldPath>,
	reading: SecretReading,
): TicketSource {
	switch (chosen.case) {
		case "sessionTicketKeys": {
			const keys = loadTicketKeys(chosen.value.keys, at.field("session_ticket_keys"), reading);
			return { kind: "given", keys };
		}
		case "sessionTicketKeysSdsSecretConfig": {
			const here = at.field("session_ticket_keys_sds_secret_config");
			const reference = parseSecretReference(chosen.value, here, reading);
			return reference ? { kind: "secret", reference } : { kind: "none" };
		}
		case "disableStatelessSessionResumption":
			return chosen.value ? { kind: "none" } : { kind: "own" };
		default:
			return { kind: "own" };
	}
}
