import type { X509Certificate } from "node:crypto";
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { packAny } from "../../xds/any.ts";
import type { SecretsConfigDumpSchema } from "../../xds/generated/envoy/admin/v3/config_dump_pb.ts";
import { SecretSchema } from "../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { alternativeNames } from "../tls/verify/certificate-info.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, JSON_TYPE } from "./admin-page.ts";

export const SECRET_PAGES: readonly AdminPage[] = [
	{ path: "/certs", help: "print certs on machine", answer: certificates },
];

/** The secrets of a configuration dump; keys are still in it (`redact.ts`). */
export function secretsDump({ tls, startedEpochMs }: AdminContext): MessageInitShape<typeof SecretsConfigDumpSchema> {
	const records = tls.secrets.records().map(({ name, secret, version, updatedEpochMs }) => ({
		name,
		versionInfo: version,
		lastUpdated: timestampFromMs(updatedEpochMs),
		secret: packAny(SecretSchema, secret ?? { name }),
		arrived: secret !== undefined,
	}));
	return {
		staticSecrets: tls.secrets.staticSecrets().map((secret) => ({
			name: secret.name,
			lastUpdated: timestampFromMs(startedEpochMs),
			secret: packAny(SecretSchema, secret),
		})),
		dynamicActiveSecrets: records.filter(({ arrived }) => arrived),
		dynamicWarmingSecrets: records.filter(({ arrived }) => !arrived),
	};
}

/** Every certificate in force: per TLS context its authorities and its own chain. */
function certificates({ tls, nowEpochMs }: AdminContext): AdminAnswer {
	const now = nowEpochMs();
	const listed = [...tls.contexts].flatMap((context) => {
		const validation = context.validation();
		const authorities = (validation?.ca ?? []).map((one) => describe(one, validation?.path ?? "", now));
		const own = context.certificates();
		if (own.length === 0) return validation ? [{ ca_cert: authorities, cert_chain: [] }] : [];
		return own.map(({ leaf, path }) => ({ ca_cert: authorities, cert_chain: [describe(leaf, path, now)] }));
	});
	return { contentType: JSON_TYPE, body: `${JSON.stringify({ certificates: listed }, undefined, 1)}\n` };
}

const DAY_MS = 86_400_000;

function describe(certificate: X509Certificate, path: string, nowMs: number): JsonObject {
	const { dns, uri, ip } = alternativeNames(certificate);
	const leftMs = certificate.validToDate.getTime() - nowMs;
	return {
		path: path || "<inline>",
		serial_number: certificate.serialNumber.toLowerCase(),
		subject_alt_names: [
			...dns.map((name) => ({ dns: name })),
			...uri.map((name) => ({ uri: name })),
			...ip.map((name) => ({ ip_address: name })),
		],
		days_until_expiration: String(Math.max(0, Math.floor(leftMs / DAY_MS))),
		valid_from: seconds(certificate.validFromDate),
		expiration_time: seconds(certificate.validToDate),
	};
}

function seconds(date: Date): string {
	return date.toISOString().replace(".000Z", "Z");
}
