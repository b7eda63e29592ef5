import { randomBytes, X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "./certificates.ts";

/** What the server and its administrator prove themselves with. */
export interface Credentials {
	readonly caPem: string;
	readonly server: KeyPair;
	readonly admin: KeyPair;
	readonly adminToken: string;
}

const YEAR_MS = 365 * 86_400_000;
const RENEW_BEFORE_MS = 30 * 86_400_000;

/**
 * Credentials kept in a folder (mode 0700, files 0600): made once, then read, so that kubeconfigs stay valid over restarts and a start costs no
 * key generation. Certificates are issued anew when they end within 30 days or lack a host.
 */
export async function loadCredentials(
	folder: string,
	hosts: readonly string[],
	nowEpochMs: number,
): Promise<Credentials> {
	await mkdir(folder, { recursive: true, mode: 0o700 });
	await chmod(folder, 0o700);
	const now = nowEpochMs;
	const authority = await keep(
		join(folder, "ca"),
		(pair) => fresh(pair, now),
		async () => {
			const { createAuthority } = await import("./certificates.ts");
			return createAuthority(now);
		},
	);
	const issue = async (request: { commonName: string; organization?: string; hosts?: readonly string[] }) => {
		const { issueCertificate } = await import("./certificates.ts");
		return issueCertificate(authority, { ...request, validMs: YEAR_MS }, now);
	};
	const issued = (pair: KeyPair) => fresh(pair, now) && issuedBy(pair, authority);
	const server = await keep(
		join(folder, "server"),
		(pair) => issued(pair) && covers(pair, hosts),
		() => issue({ commonName: "lateen-apiserver", hosts }),
	);
	const admin = await keep(join(folder, "admin"), issued, () =>
		issue({ commonName: "lateen-admin", organization: "system:masters" }),
	);
	return { caPem: authority.certificatePem, server, admin, adminToken: await loadToken(join(folder, "admin-token")) };
}

async function keep(path: string, usable: (pair: KeyPair) => boolean, make: () => Promise<KeyPair>): Promise<KeyPair> {
	const certificatePem = await readIfThere(`${path}.crt`);
	const keyPem = await readIfThere(`${path}.key`);
	if (certificatePem !== undefined && keyPem !== undefined) {
		const pair = { certificatePem, keyPem };
		if (usable(pair)) return pair;
	}
	const pair = await make();
	await writeSecret(`${path}.key`, pair.keyPem);
	await writeSecret(`${path}.crt`, pair.certificatePem);
	return pair;
}

async function loadToken(path: string): Promise<string> {
	const known = (await readIfThere(path))?.trim();
	if (known !== undefined && known.length >= 32) return known;
	const token = randomBytes(32).toString("base64url");
	await writeSecret(path, token);
	return token;
}

/** Whole or not at all, and never readable by others. */
async function writeSecret(path: string, text: string): Promise<void> {
	await writeFile(`${path}.new`, text, { mode: 0o600 });
	await rename(`${path}.new`, path);
}

async function readIfThere(path: string): Promise<string | undefined> {
	try {
		return await readFile(path, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

function fresh(pair: KeyPair, nowEpochMs: number): boolean {
	return new X509Certificate(pair.certificatePem).validToDate.getTime() > nowEpochMs + RENEW_BEFORE_MS;
}

function issuedBy(pair: KeyPair, authority: KeyPair): boolean {
	return new X509Certificate(pair.certificatePem).verify(new X509Certificate(authority.certificatePem).publicKey);
}

function covers(pair: KeyPair, hosts: readonly string[]): boolean {
	const certificate = new X509Certificate(pair.certificatePem);
	return hosts.every((host) => certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined);
}
