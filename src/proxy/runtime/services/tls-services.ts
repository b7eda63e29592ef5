import { randomBytes } from "node:crypto";
import { FileWatcher } from "../../tls/secret/file-watcher.ts";
import { SecretStore } from "../../tls/secret/secret-store.ts";
import type { TlsDeps } from "../../tls/tls-deps.ts";
import type { DataPlaneDeps } from "../data-plane.ts";

/** Secrets, files and clock for the TLS contexts of one data plane; nothing runs until a context wants it. */
export function makeTlsDeps({
	clock,
	metrics,
	environment,
	logging,
	ticketSecret = randomBytes(32),
}: Pick<DataPlaneDeps, "clock" | "metrics" | "environment" | "logging" | "ticketSecret">): TlsDeps {
	const logger = logging.component("secret");
	const files = new FileWatcher(clock);
	const secrets = new SecretStore({ clock, logger, metrics, environment, files });
	return { clock, metrics, environment, logger, files, secrets, contexts: new Set(), ticketSecret };
}

/** How long the first certificate of all contexts in force has left; undefined: there is none. */
export function firstExpiryMs({ contexts, clock }: Pick<TlsDeps, "contexts" | "clock">): number | undefined {
	const ends = [...contexts].flatMap((context) =>
		[...context.certificates().map(({ leaf }) => leaf), ...(context.validation()?.ca ?? [])].map((certificate) =>
			certificate.validToDate.getTime(),
		),
	);
	return ends.length === 0 ? undefined : Math.min(...ends) - clock.epochMs();
}
