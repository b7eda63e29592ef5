import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files of one CA and one certificate that serves both ends. */
export interface Certificates {
	readonly ca: string;
	readonly certificate: string;
	readonly key: string;
}

/** Makes them in `folder` with openssl: P-256, as Istio's workloads may have, valid for a day. */
export function makeCertificates(folder: string): Certificates {
	const file = (name: string) => join(folder, name);
	const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
	const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
	openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=bench-ca");
	openssl("req", ...key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=bench");
	writeFileSync(file("extensions"), "subjectAltName=DNS:localhost,URI:spiffe://cluster.local/ns/default/sa/bench\n");
	const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions", "-days", "1"];
	openssl("x509", "-req", "-in", "request.pem", "-out", "cert.pem", ...signed);
	return { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
}
