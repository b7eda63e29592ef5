import type { Clock } from "../lib/clock.ts";
import { parsePrometheusText } from "./prometheus-text.ts";
import type { TrafficWindow } from "./traffic-window.ts";

const SCRAPE_TIMEOUT_MS = 3000;
const MAX_SCRAPE_BYTES = 16 * 1024 * 1024;

/** A proxy's metrics page. */
export interface ScrapeTarget {
	readonly name: string;
	readonly url: string;
}

/** Scrapes every target once and feeds the window; answers what failed, by target. */
export async function scrapeAll(
	targets: readonly ScrapeTarget[],
	window: TrafficWindow,
	clock: Clock,
): Promise<Map<string, string>> {
	window.keep(new Set(targets.map((t) => t.name)));
	const failures = new Map<string, string>();
	await Promise.all(
		targets.map(async ({ name, url }) => {
			try {
				window.add(name, clock.epochMs(), parsePrometheusText(await fetchText(url), "istio_request"));
			} catch (error) {
				failures.set(name, error instanceof Error ? error.message : String(error));
			}
		}),
	);
	return failures;
}

async function fetchText(url: string): Promise<string> {
	const response = await fetch(url, { signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS) });
	if (!response.ok) throw new Error(`${url} answered ${response.status}`);
	const chunks: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of response.body ?? []) {
		size += chunk.byteLength;
		if (size > MAX_SCRAPE_BYTES) throw new Error(`${url} sent more than ${MAX_SCRAPE_BYTES} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}
