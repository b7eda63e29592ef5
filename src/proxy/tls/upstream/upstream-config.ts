import { fieldPath } from "../../../lib/field-path.ts";
import { ProblemError } from "../../../lib/problem.ts";
import type { UpstreamTlsContext } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { type CommonTls, parseCommonTls } from "../context/common-tls.ts";
import type { SecretReading } from "../secret/data-source.ts";
import { TlsProblems } from "../tls-problems.ts";

/** An UpstreamTlsContext, checked. */
export interface UpstreamTlsConfig {
	readonly common: CommonTls;
	/** "": none, unless a request or endpoint brings one. */
	readonly sni: string;
	/** The endpoint's `hostname` is the SNI. */
	readonly autoHostSni: boolean;
	/** The certificate must have the SNI among its names, in place of the configured matchers. */
	readonly autoSniSanValidation: boolean;
	/** Sessions kept for resumption; 0: none. */
	readonly maxSessionKeys: number;
}

const MAX_SNI_BYTES = 255;

/** Reads an UpstreamTlsContext; throws ProblemError (LTN38xx) with every problem. */
export function parseUpstreamTls(
	message: UpstreamTlsContext,
	path: string,
	environment: SecretReading["environment"],
): UpstreamTlsConfig {
	const at = fieldPath(path);
	const problems = new TlsProblems();
	const reading = { environment, problems };
	if (message.sni.length > MAX_SNI_BYTES)
		problems.add("invalid", at.field("sni"), "a server name has at most 255 bytes");
	if (message.allowRenegotiation)
		problems.notImplemented(at.field("allow_renegotiation"), "renegotiation that the server asks for");
	const config = {
		common: parseCommonTls(message.commonTlsContext, "client", at.field("common_tls_context"), reading),
		sni: message.sni,
		autoHostSni: message.autoHostSni,
		autoSniSanValidation: message.autoSniSanValidation,
		maxSessionKeys: message.maxSessionKeys ?? 1,
	};
	if (config.autoSniSanValidation && !config.common.validation)
		problems.add(
			"invalid",
			at.field("auto_sni_san_validation"),
			"there is no validation context that vouches for the certificate",
			"set validation_context.trusted_ca",
		);
	if (problems.problems.length > 0) throw new ProblemError(problems.problems);
	return config;
}
