import type { StatScope } from "../../telemetry/metric-registry.ts";
import type { Counter } from "../../telemetry/metrics.ts";
import type { RefusalKind } from "./verify/peer-verifier.ts";

/** Envoy's `ssl.*` stats of one listener or cluster. */
export class TlsStats {
	readonly connectionError: Counter;
	readonly handshake: Counter;
	readonly sessionReused: Counter;
	readonly noCertificate: Counter;
	readonly ocspStapleRequests: Counter;
	readonly ocspStapleResponses: Counter;
	readonly ocspStapleOmitted: Counter;
	/** Handshakes ended for want of a staple. */
	readonly ocspStapleFailed: Counter;
	/** Handshakes refused for want of a secret. */
	readonly secretsNotReady: Counter;
	/** A secret changed and new handshakes take it. */
	readonly updatedBySds: Counter;
	readonly #scope: StatScope;
	readonly #refusals: Readonly<Record<RefusalKind, Counter>>;
	readonly #versions = new Map<string, Counter>();
	readonly #ciphers = new Map<string, Counter>();
	readonly #curves = new Map<string, Counter>();

	constructor(scope: StatScope, side: "client" | "server") {
		const counter = (name: string) => scope.counter(`ssl.${name}`);
		this.#scope = scope;
		this.connectionError = counter("connection_error");
		this.handshake = counter("handshake");
		this.sessionReused = counter("session_reused");
		this.noCertificate = counter("no_certificate");
		this.#refusals = {
			fail_verify_no_cert: counter("fail_verify_no_cert"),
			fail_verify_error: counter("fail_verify_error"),
			fail_verify_san: counter("fail_verify_san"),
			fail_verify_cert_hash: counter("fail_verify_cert_hash"),
		};
		this.ocspStapleRequests = counter("ocsp_staple_requests");
		this.ocspStapleResponses = counter("ocsp_staple_responses");
		this.ocspStapleOmitted = counter("ocsp_staple_omitted");
		this.ocspStapleFailed = counter("ocsp_staple_failed");
		const factory = `${side}_ssl_socket_factory.`;
		const [own, other] = side === "client" ? ["upstream", "downstream"] : ["downstream", "upstream"];
		this.secretsNotReady = scope.counter(`${factory}${own}_context_secrets_not_ready`);
		scope.counter(`${factory}${other}_context_secrets_not_ready`);
		this.updatedBySds = scope.counter(`${factory}ssl_context_update_by_sds`);
	}

	countRefusal(kind: RefusalKind): void {
		this.#refusals[kind].inc();
	}

	/** A finished handshake; `curve` undefined when it is not known. */
	countHandshake(version: string, cipher: string, curve: string | undefined): void {
		this.handshake.inc();
		this.#named(this.#versions, "versions", version).inc();
		this.#named(this.#ciphers, "ciphers", cipher).inc();
		if (curve !== undefined) this.#named(this.#curves, "curves", curve).inc();
	}

	/** `ssl.certificate.<name>.expiration_unix_time_seconds`. */
	setExpiration(certificate: string, epochSeconds: number): void {
		this.#scope.gauge(`ssl.certificate.${certificate}.expiration_unix_time_seconds`).set(epochSeconds);
	}

	#named(known: Map<string, Counter>, group: string, name: string): Counter {
		let counter = known.get(name);
		if (!counter) {
			counter = this.#scope.counter(`ssl.${group}.${name}`);
			known.set(name, counter);
		}
		return counter;
	}
}
