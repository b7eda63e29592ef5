import type { FieldPath } from "../../lib/field-path.ts";
import type { GrpcService_GoogleGrpc } from "../../xds/generated/envoy/config/core/v3/grpc_service_pb.ts";
import { readDataSource, type SecretReading } from "./secret/data-source.ts";

/** A gRPC server as Google's own client is told of it (`google_grpc`). */
export interface GoogleChannel {
	/** As gRPC writes it: `unix:/path`, `dns:host:port`, `host:port`. */
	readonly uri: string;
	/** Undefined: plaintext. */
	readonly tls: ChannelTls | undefined;
}

/** PEM texts; undefined: the system's authorities, no certificate of our own. */
export interface ChannelTls {
	readonly ca: Buffer | undefined;
	readonly cert: Buffer | undefined;
	readonly key: Buffer | undefined;
}

/** Reads a GoogleGrpc service; what is wrong with it goes to the problems of `reading`. */
export function parseGoogleChannel(
	message: GrpcService_GoogleGrpc,
	at: FieldPath,
	reading: SecretReading,
): GoogleChannel {
	const { problems } = reading;
	if (message.targetUri === "") problems.add("invalid", at.field("target_uri"), "the field is required", "set it");
	if (message.callCredentials.length > 0)
		problems.notImplemented(at.field("call_credentials"), "credentials of single calls");
	const here = at.field("channel_credentials");
	const credentials = message.channelCredentials?.credentialSpecifier;
	if (credentials?.case === "googleDefault")
		problems.notImplemented(here.field("google_default"), "Google's default credentials");
	if (credentials?.case !== "sslCredentials") return { uri: message.targetUri, tls: undefined };
	const { rootCerts, certChain, privateKey } = credentials.value;
	const ssl = here.field("ssl_credentials");
	const tls = {
		ca: readDataSource(rootCerts, ssl.field("root_certs"), reading),
		cert: readDataSource(certChain, ssl.field("cert_chain"), reading),
		key: readDataSource(privateKey, ssl.field("private_key"), reading),
	};
	if ((tls.cert === undefined) !== (tls.key === undefined))
		problems.add("invalid", ssl, "cert_chain and private_key belong together", "set both or none");
	return { uri: message.targetUri, tls };
}
