import type { X509Certificate } from "node:crypto";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { SPIFFECertValidatorConfig } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts";
import { parseCertificates } from "../secret/certificate-material.ts";
import { readDataSource, type SecretReading } from "../secret/data-source.ts";
import type { AlternativeNames } from "./certificate-info.ts";

/** The authorities of each trust domain; a peer is held to those of the domain that it names. */
export interface SpiffeDomains {
	readonly byDomain: ReadonlyMap<string, readonly X509Certificate[]>;
	readonly all: readonly X509Certificate[];
}

/** Reads the trust bundles of Envoy's SPIFFE validator. */
export function loadSpiffeDomains(
	config: SPIFFECertValidatorConfig,
	at: FieldPath,
	reading: SecretReading,
): SpiffeDomains {
	if (config.trustBundles)
		reading.problems.notImplemented(at.field("trust_bundles"), "a trust bundle map in SPIFFE's own format");
	const byDomain = new Map<string, readonly X509Certificate[]>();
	for (const [i, domain] of config.trustDomains.entries()) {
		const here = at.field("trust_domains").index(i);
		if (domain.workloadTrustDomain !== "")
			reading.problems.notImplemented(here.field("workload_trust_domain"), "a bundle per domain of the workload");
		if (byDomain.has(domain.name))
			reading.problems.add("invalid", here.field("name"), `the trust domain "${domain.name}" is there twice`);
		const pem = readDataSource(domain.trustBundle, here.field("trust_bundle"), reading);
		const bundle = pem && parseCertificates(pem, here.field("trust_bundle"), reading);
		if (!domain.trustBundle) reading.problems.add("invalid", here.field("trust_bundle"), "the field is required");
		if (bundle) byDomain.set(domain.name, bundle);
	}
	if (config.trustDomains.length === 0)
		reading.problems.add("invalid", at.field("trust_domains"), "at least one trust domain is needed");
	return { byDomain, all: [...byDomain.values()].flat() };
}

/** The authorities for a certificate: its first URI is its SPIFFE ID, `spiffe://<trust domain>/<path>`. */
export function bundleFor(names: AlternativeNames, domains: SpiffeDomains): readonly X509Certificate[] | undefined {
	const [id] = names.uri;
	if (!id?.startsWith("spiffe://")) return undefined;
	const slash = id.indexOf("/", "spiffe://".length);
	return slash < 0 ? undefined : domains.byDomain.get(id.slice("spiffe://".length, slash));
}
