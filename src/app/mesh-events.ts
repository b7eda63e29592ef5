import type { Problem } from "../lib/problem.ts";
import type { MeshState } from "./mesh-state.ts";

/** What a starting and running mesh tells whoever started it: JSON lines on file descriptor 3. */
export type MeshEvent =
	| { readonly type: "step"; readonly title: string; readonly ms: number }
	| { readonly type: "progress"; readonly text: string }
	/** Something is not as it should be, and the mesh goes on. */
	| { readonly type: "warning"; readonly problem: Problem }
	| { readonly type: "ready"; readonly state: MeshState; readonly summary: readonly SummaryLine[] }
	| { readonly type: "failed"; readonly problems: readonly Problem[] }
	| { readonly type: "restarting"; readonly reason: string }
	| { readonly type: "stopping" }
	| { readonly type: "stopped" };

/** A line of what `up` prints at the end: `Product page  http://...`, `Proxy admin  http://...  reviews-v1-...`. */
export interface SummaryLine {
	readonly label: string;
	readonly value: string;
	/** What the value belongs to, where several lines have one label. */
	readonly of?: string;
}

export function encodeEvent(event: MeshEvent): string {
	return `${JSON.stringify(event)}\n`;
}

/** Splits a byte stream into events; call with chunks as they come. */
export function eventDecoder(onEvent: (event: MeshEvent) => void): (chunk: string) => void {
	let rest = "";
	return (chunk) => {
		const lines = (rest + chunk).split("\n");
		rest = lines.pop()!;
		for (const line of lines) if (line !== "") onEvent(JSON.parse(line) as MeshEvent);
	};
}
