import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import { formatProblem } from "../../../lib/problem.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import {
	type CertificateValidationContext,
	CertificateValidationContextSchema,
	type TlsCertificate,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { Secret } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { type CertificateMaterial, loadCertificate } from "../secret/certificate-material.ts";
import type { SecretReading } from "../secret/data-source.ts";
import { type FileWatch, type FileWatcher, foldersOf } from "../secret/file-watcher.ts";
import type { SecretReference } from "../secret/secret-reference.ts";
import type { Secrets } from "../secret/secret-store.ts";
import { TlsProblems } from "../tls-problems.ts";
import { loadValidation, type ValidationMaterial } from "../verify/validation-material.ts";
import type { CertificateSource, CommonTls } from "./common-tls.ts";

export interface MaterialDeps {
	readonly secrets: Secrets;
	readonly files: FileWatcher;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly logger: Logger;
}

/** What a context needs from outside, kept up to date: its certificates and its validation context. */
export class LiveMaterial {
	readonly certificates: (CertificateMaterial | undefined)[];
	validation: ValidationMaterial | undefined = undefined;
	readonly #common: CommonTls;
	readonly #deps: MaterialDeps;
	readonly #onChange: () => void;
	readonly #stops: (() => void)[] = [];
	readonly #awaited = new Set<SecretReference>();
	#onSettled: (() => void)[] = [];
	#complete = false;

	/** `onChange` is called after construction only, whenever something new is in force and all is there. */
	constructor(common: CommonTls, deps: MaterialDeps, onChange: () => void) {
		this.#common = common;
		this.#deps = deps;
		this.#onChange = onChange;
		this.certificates = common.certificates.map(() => undefined);
		for (const [i, source] of common.certificates.entries()) this.#follow(source, i);
		this.#followValidation();
		this.#complete = true;
	}

	/** Everything is there. */
	get ready(): boolean {
		const { certificates, validation } = this.#common;
		return (
			this.certificates.every((one) => one !== undefined) &&
			certificates.length === this.certificates.length &&
			(validation === undefined || this.validation !== undefined)
		);
	}

	/** Everything is there, or was waited for long enough. */
	get settled(): boolean {
		return this.#awaited.size === 0;
	}

	/** Calls `task` once: now, or when all is there or was waited for long enough. */
	whenSettled(task: () => void): void {
		if (this.settled) task();
		else this.#onSettled.push(task);
	}

	close(): void {
		for (const stop of this.#stops.splice(0)) stop();
		this.#onSettled = [];
	}

	#follow(source: CertificateSource, i: number): void {
		if (source.kind === "given") {
			const load = () => this.#takeCertificate(source.message, source.at, i);
			load();
			const { certificateChain, privateKey, password, ocspStaple, watchedDirectory } = source.message;
			this.#watchFiles([certificateChain, privateKey, password, ocspStaple], watchedDirectory?.path, load);
			return;
		}
		this.#want(source.reference, (secret) => {
			if (secret.type.case === "tlsCertificate") this.#takeCertificate(secret.type.value, secret.name, i);
		});
	}

	#followValidation(): void {
		const source = this.#common.validation;
		if (!source) return;
		const { given, reference, at } = source;
		if (!reference) {
			if (!given) return;
			const load = () => this.#takeValidation(given, at);
			load();
			this.#watchFiles([given.trustedCa, given.crl], given.watchedDirectory?.path, load);
			return;
		}
		this.#want(reference, (secret) => {
			if (secret.type.case !== "validationContext") return;
			this.#takeValidation(given ? mergeContexts(given, secret.type.value) : secret.type.value, secret.name);
		});
	}

	#want(reference: SecretReference, take: (secret: Secret) => void): void {
		this.#awaited.add(reference);
		const stop = this.#deps.secrets.watch(reference, {
			onSecret: (secret) => {
				take(secret);
				this.#arrived(reference);
			},
			onTimeout: () => this.#arrived(reference),
		});
		this.#stops.push(stop);
	}

	#arrived(reference: SecretReference): void {
		if (!this.#awaited.delete(reference) || !this.settled) return;
		for (const task of this.#onSettled.splice(0)) task();
	}

	#watchFiles(sources: Parameters<typeof foldersOf>[0], named: string | undefined, load: () => void): void {
		const watches: FileWatch[] = foldersOf(sources, named, false).map((folder) => this.#deps.files.watch(folder, load));
		this.#stops.push(() => {
			for (const watch of watches) watch.close();
		});
	}

	#takeCertificate(message: TlsCertificate, at: string, i: number): void {
		const loaded = this.#load(at, (path, reading) => loadCertificate(message, path, reading));
		if (!loaded) return;
		this.certificates[i] = loaded;
		this.#changed();
	}

	#takeValidation(message: CertificateValidationContext, at: string): void {
		const loaded = this.#load(at, (path, reading) => loadValidation(message, path, reading));
		if (!loaded) return;
		this.validation = loaded;
		this.#changed();
	}

	#changed(): void {
		if (this.#complete && this.ready) this.#onChange();
	}

	/** What cannot be read leaves what was read before in force. */
	#load<T>(at: string, load: (path: ReturnType<typeof fieldPath>, reading: SecretReading) => T | undefined) {
		const problems = new TlsProblems();
		const loaded = load(fieldPath(at), { environment: this.#deps.environment, problems });
		if (problems.problems.length === 0) return loaded;
		const reason = problems.problems.map(formatProblem).join("; ");
		this.#deps.logger.warn({ reason }, "a changed certificate is refused, the one before stays");
		return undefined;
	}
}

/** `over` laid on `base` by protobuf's rules: what is set replaces, lists are joined (Envoy: combined_validation_context). */
function mergeContexts(
	base: CertificateValidationContext,
	over: CertificateValidationContext,
): CertificateValidationContext {
	const both = Buffer.concat([
		toBinary(CertificateValidationContextSchema, clone(CertificateValidationContextSchema, base)),
		toBinary(CertificateValidationContextSchema, over),
	]);
	return fromBinary(CertificateValidationContextSchema, both);
}
