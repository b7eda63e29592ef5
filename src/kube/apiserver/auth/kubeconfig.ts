/** What a kubeconfig is written from. */
export interface KubeconfigInput {
	readonly server: string;
	readonly caPem: string;
	readonly token: string;
	/** Names the cluster, the user and the context. */
	readonly name: string;
}

/** A kubeconfig as YAML (JSON is YAML; one member a line where people look). The CA is embedded. */
export function formatKubeconfig({ server, caPem, token, name }: KubeconfigInput): string {
	const ca = Buffer.from(caPem).toString("base64");
	return [
		"apiVersion: v1",
		"kind: Config",
		`current-context: ${name}`,
		"clusters:",
		`- name: ${name}`,
		"  cluster:",
		`    server: ${server}`,
		`    certificate-authority-data: ${ca}`,
		"users:",
		`- name: ${name}`,
		"  user:",
		`    token: ${token}`,
		"contexts:",
		`- name: ${name}`,
		"  context:",
		`    cluster: ${name}`,
		`    user: ${name}`,
		"",
	].join("\n");
}
