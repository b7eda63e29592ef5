import type { KubeObject } from "../../kinds/object.ts";
import { KubeApiError } from "../client/kube-client.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";

const KEPT_MS = 3_600_000;
const LOOK_EVERY_MS = 300_000;

/** Deletes events that happened last more than an hour ago (a real API server gives them a time to live). */
export function startEventCleaner({
	client,
	clock,
	log,
}: Pick<ControllerContext, "client" | "clock" | "log">): Controller {
	let cancel = () => {};
	let work: Promise<void> = Promise.resolve();
	const clean = async () => {
		const { items } = await client.list(RESOURCES.events);
		const old = items.filter((event) => clock.epochMs() - lastSeenMs(event) > KEPT_MS);
		for (const { metadata } of old) {
			try {
				await client.delete(RESOURCES.events, metadata.name ?? "", { namespace: metadata.namespace });
			} catch (error) {
				if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
			}
		}
	};
	const later = () => {
		cancel = clock.after(LOOK_EVERY_MS, () => {
			work = clean().catch((error: unknown) => log.debug({ err: error }, "old events could not be deleted"));
			later();
		});
	};
	later();
	return {
		stop() {
			cancel();
			return work;
		},
	};
}

function lastSeenMs(event: KubeObject): number {
	const series = event.series as { lastObservedTime?: string } | undefined;
	const times = [series?.lastObservedTime, event.lastTimestamp, event.eventTime, event.metadata.creationTimestamp];
	return Date.parse(String(times.find(Boolean)));
}
