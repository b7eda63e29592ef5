import { s } from "../schema-builder.ts";

/** Pieces that several Istio kinds share (Istio reference pages of networking.istio.io). */

/** `{exact | prefix | regex}`; `{}` tests presence. */
export const stringMatch = () =>
	s.object(
		{
			exact: s.string().doc("The whole value, as it is."),
			prefix: s.string().doc("The value begins with this text."),
			regex: s.string().doc("RE2 regular expression that must match the whole value."),
		},
		[["exact", "prefix", "regex"]],
	);

export const percent = () =>
	s.object({ value: s.double().doc("Share in percent, 0 to 100; fractions down to 0.0001 count.") });

export const portSelector = () => s.object({ number: s.uint32().doc("Port number of the service.") });

export const destination = () =>
	s.object({
		host: s
			.string()
			.doc(
				"Service that receives the traffic: a name of the service registry; a short name is completed with the rule's namespace.",
			)
			.required(),
		subset: s.string().doc("Named subset of the service, declared in a DestinationRule."),
		port: portSelector().doc("Port of the service; may be left out when it has only one."),
	});

const headerOperations = (direction: string) =>
	s
		.object({
			set: s.map(s.string()).doc("Headers to overwrite, or to add when missing."),
			add: s.map(s.string()).doc("Headers to append beside those already there."),
			remove: s.list(s.string()).doc("Headers to take away."),
		})
		.doc(`Changes to the headers of the ${direction}.`);

export const headers = () => s.object({ request: headerOperations("request"), response: headerOperations("response") });

export const labels = () => s.map(s.string());

export const workloadSelector = () =>
	s.object({ labels: labels().doc("Labels that a workload must carry, all of them.") });

export const labelSelector = () =>
	s.object({ matchLabels: labels().doc("Labels that a workload must carry, all of them.") });

export const exportTo = () =>
	s
		.list(s.string())
		.doc("Namespaces that may see this object: `*` all, `.` its own, or names. Empty means the mesh's default.");

export const targetRef = () =>
	s.object({
		group: s.string({ maxLength: 253 }).doc("API group of the target; empty for the core group."),
		kind: s.string({ minLength: 1, maxLength: 63 }).doc("Kind of the target, such as Gateway or Service.").required(),
		name: s.string({ minLength: 1, maxLength: 253 }).doc("Name of the target.").required(),
		namespace: s.string().doc("Must be empty: targets lie in the policy's own namespace."),
	});

/** The three ways in which policies choose what they apply to. */
export const policyTargets = () =>
	({
		selector: labelSelector().doc("Workloads that the policy applies to; without it, all of the namespace."),
		targetRef: targetRef().doc("A single target; use `targetRefs`."),
		targetRefs: s.list(targetRef(), { maxItems: 16 }).doc("Gateways or services that the policy applies to."),
	}) as const;

/** Exclusive ways of choosing a target. */
export const POLICY_TARGETS_ONE_OF = ["selector", "targetRef", "targetRefs"] as const;

export const clientTls = () =>
	s.object({
		mode: s
			.enumOf("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL")
			.doc("Whether and how connections to the destination use TLS."),
		clientCertificate: s.string().doc("File with the client certificate chain, for MUTUAL."),
		privateKey: s.string().doc("File with the client's private key, for MUTUAL."),
		caCertificates: s.string().doc("File with the authorities that the server's certificate is checked against."),
		credentialName: s.string().doc("Secret that holds key, certificate and authorities instead of files."),
		subjectAltNames: s.list(s.string()).doc("Names of which the server's certificate must carry one."),
		sni: s.string().doc("Server name to ask for in the TLS handshake."),
		insecureSkipVerify: s.bool().doc("Accept any server certificate."),
		caCrl: s.string().doc("File with the revocation list of the authorities."),
	});

export const serverTls = () =>
	s.object({
		httpsRedirect: s.bool().doc("Answer plain HTTP requests with a redirect to https."),
		mode: s
			.enumOf("PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL")
			.doc("Whether TLS ends here and whether clients show a certificate."),
		serverCertificate: s.string().doc("File with the server certificate chain."),
		privateKey: s.string().doc("File with the server's private key."),
		caCertificates: s.string().doc("File with the authorities that client certificates are checked against."),
		caCrl: s.string().doc("File with the revocation list for client certificates."),
		credentialName: s.string().doc("Secret with key and certificate, in the gateway's namespace."),
		credentialNames: s
			.list(s.string(), { minItems: 1, maxItems: 2 })
			.doc("Secrets with key and certificate, one RSA and one ECDSA."),
		caCertCredentialName: s.string().doc("Secret or ConfigMap with the authorities for client certificates."),
		tlsCertificates: s
			.list(
				s.object({
					serverCertificate: s.string().doc("File with the certificate chain."),
					privateKey: s.string().doc("File with the private key."),
					caCertificates: s.string().doc("File with the authorities for client certificates."),
				}),
				{ minItems: 1, maxItems: 2 },
			)
			.doc("Certificates of several key types."),
		subjectAltNames: s.list(s.string()).doc("Names of which a client certificate must carry one."),
		verifyCertificateSpki: s.list(s.string()).doc("base64 SHA-256 digests of accepted client public keys."),
		verifyCertificateHash: s.list(s.string()).doc("Hex SHA-256 digests of accepted client certificates."),
		minProtocolVersion: s.enumOf("TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3").doc("Oldest TLS version."),
		maxProtocolVersion: s.enumOf("TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3").doc("Newest TLS version."),
		cipherSuites: s.list(s.string()).doc("Cipher suites by Envoy's names."),
	});

export const tcpKeepalive = () =>
	s.object({
		probes: s.uint32().doc("Unanswered probes after which the connection counts as dead."),
		time: s.duration().doc("Idle time before the first probe."),
		interval: s.duration().doc("Time between probes."),
	});

export const connectionPool = () =>
	s.object({
		tcp: s
			.object({
				maxConnections: s.int32().doc("Connections that one proxy may have open to the destination."),
				connectTimeout: s.duration().doc("Longest wait for a connection."),
				tcpKeepalive: tcpKeepalive().doc("TCP keep-alive of upstream connections."),
				maxConnectionDuration: s.duration().doc("Longest life of a connection."),
				idleTimeout: s.duration().doc("Idle time after which a connection is closed; 0s never."),
			})
			.doc("Limits of TCP connections, HTTP's among them."),
		http: s
			.object({
				http1MaxPendingRequests: s.int32().doc("Requests that may wait for a connection."),
				http2MaxRequests: s.int32().doc("Requests that may be in flight."),
				maxRequestsPerConnection: s.int32().doc("Requests per connection; 1 turns keep-alive off, 0 is no limit."),
				maxRetries: s.int32().doc("Retries that may be under way at once."),
				idleTimeout: s.duration().doc("Idle time after which a pooled connection is closed."),
				h2UpgradePolicy: s
					.enumOf("DEFAULT", "DO_NOT_UPGRADE", "UPGRADE")
					.doc("Whether HTTP/1.1 requests go upstream over HTTP/2."),
				useClientProtocol: s.bool().doc("Speak upstream what the client spoke."),
				maxConcurrentStreams: s.int32().doc("Streams per HTTP/2 connection."),
				http2KeepAlive: s
					.object({
						interval: s.duration().doc("Time between pings."),
						timeout: s.duration().doc("Longest wait for a ping's answer."),
					})
					.doc("HTTP/2 pings on idle connections."),
			})
			.doc("Limits of HTTP connections."),
	});

const workloadEntryShape = () =>
	({
		address: s.string({ maxLength: 256 }).doc("IP address, DNS name or `unix://` path of the endpoint."),
		ports: s.map(s.uint32()).doc("Endpoint port by the service port's name."),
		labels: labels().doc("Labels of the endpoint, as a pod has them."),
		network: s.string({ maxLength: 2048 }).doc("Network that the endpoint belongs to."),
		locality: s.string({ maxLength: 2048 }).doc("`region/zone/subzone` of the endpoint."),
		weight: s.uint32().doc("Share of traffic relative to other endpoints; 0 counts as 1."),
		serviceAccount: s.string({ maxLength: 253 }).doc("Service account that the endpoint identifies as."),
	}) as const;

/** An endpoint outside Kubernetes; also the spec of a WorkloadEntry. */
export const workloadEntry = () => s.object(workloadEntryShape());
