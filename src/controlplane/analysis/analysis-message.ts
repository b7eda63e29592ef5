import type { ConfigRef } from "../model/config-object.ts";

export type Level = "Info" | "Warning" | "Error";

/** One finding. Codes are Istio's (`IST0101`) where Istio has one, else Lateen's. */
export interface AnalysisMessage {
	readonly code: string;
	readonly level: Level;
	readonly resource: ConfigRef;
	/** One sentence without a full stop. */
	readonly text: string;
}

/** `Error [IST0101] (VirtualService default/reviews) text`, as `istioctl analyze` prints it. */
export function formatMessage({ code, level, resource, text }: AnalysisMessage): string {
	const name = resource.namespace === "" ? resource.name : `${resource.namespace}/${resource.name}`;
	return `${level} [${code}] (${resource.kind} ${name}) ${text}`;
}

const RANK: Readonly<Record<Level, number>> = { Error: 0, Warning: 1, Info: 2 };

/** Worst first, then by resource and code. */
export function compareMessages(a: AnalysisMessage, b: AnalysisMessage): number {
	const key = (m: AnalysisMessage) => `${RANK[m.level]} ${formatMessage(m)}`;
	return key(a) < key(b) ? -1 : Number(key(a) > key(b));
}
