import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ProblemError } from "../../lib/problem.ts";
import { loadKubeconfig, parseKubeconfig } from "./load-kubeconfig.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const KUBECONFIG = `
apiVersion: v1
kind: Config
current-context: lateen
clusters:
- name: here
  cluster: { server: "https://127.0.0.1:6443", certificate-authority-data: ${base64("CA")} }
users:
- name: admin
  user: { token: abc, client-certificate-data: ${base64("CERT")}, client-key: key.pem }
- name: robot
  user: { exec: { command: aws } }
contexts:
- name: lateen
  context: { cluster: here, user: admin, namespace: shop }
- name: other
  context: { cluster: gone, user: robot }
`;

test("a kubeconfig gives server, authority, credentials and namespace of the current context", () => {
	const folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
	writeFileSync(join(folder, "key.pem"), "KEY");
	writeFileSync(join(folder, "config"), KUBECONFIG);
	const { server, caPem, token, clientCertPem, clientKeyPem, namespace } = loadKubeconfig(join(folder, "config"));
	rmSync(folder, { recursive: true });
	assert.deepEqual(
		{ server, caPem, token, clientCertPem, clientKeyPem, namespace },
		{
			server: "https://127.0.0.1:6443",
			caPem: "CA",
			token: "abc",
			clientCertPem: "CERT",
			clientKeyPem: "KEY",
			namespace: "shop",
		},
	);
});

test("all that is wrong with a kubeconfig is told at once", () => {
	assert.throws(
		() => parseKubeconfig(KUBECONFIG, "config", "other"),
		(error: unknown) => {
			assert.ok(error instanceof ProblemError);
			assert.deepEqual(
				error.problems.map(({ code, path, message }) => [code, path, message]),
				[
					["LTN6102", "config: clusters", 'no cluster "gone"'],
					["LTN6102", "config: users[].user.exec", "this way to log in is not supported"],
				],
			);
			return true;
		},
	);
	assert.throws(() => parseKubeconfig("- not a map", "config"), /LTN6102/);
	assert.throws(() => loadKubeconfig("/nowhere/config"), /LTN6101.*lateen up/i);
});
