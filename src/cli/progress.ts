import type { MeshEvent, SummaryLine } from "../app/mesh-events.ts";
import type { MeshState } from "../app/mesh-state.ts";
import { formatProblem } from "../lib/problem.ts";
import type { Terminal } from "./terminal.ts";

/** Sentences on what to do with a mesh that is up. */
export type NextSteps = (state: MeshState) => readonly string[];

/**
 * Prints what a starting mesh tells: steps with check marks on stderr, then the addresses and what to do next (or one JSON object) on
 * stdout.
 */
export function progressPrinter(out: Terminal, asJson: boolean, next: NextSteps): (event: MeshEvent) => void {
	const tick = out.style.green("✔");
	let pending = false;
	const clear = () => {
		if (pending) process.stderr.write("\r\x1b[K");
		pending = false;
	};
	const tell = (text: string) => {
		if (!asJson) out.note(text);
	};
	const handlers: { readonly [T in MeshEvent["type"]]: (event: Extract<MeshEvent, { type: T }>) => void } = {
		step: (event) => tell(`${tick} ${event.title} ${out.style.dim(`(${formatMs(event.ms)})`)}`),
		progress(event) {
			if (asJson || !out.interactive) return;
			process.stderr.write(`  ${out.style.dim(event.text)}`);
			pending = true;
		},
		warning: (event) => out.note(`${out.style.yellow("!")} ${formatProblem(event.problem)}`),
		ready(event) {
			if (asJson) return out.json(event.state);
			out.line();
			out.table(summaryRows(event.summary, out));
			out.line();
			for (const line of next(event.state)) out.line(line);
		},
		failed(event) {
			for (const p of event.problems) out.note(`${out.style.red("✘")} ${formatProblem(p)}`);
		},
		restarting: (event) =>
			out.note(`The mesh process ended (${event.reason}); starting it again. Proxies keep routing meanwhile.`),
		stopping: () => tell("Stopping: pods get their grace period..."),
		stopped: () => tell(`${tick} Stopped.`),
	};
	return (event) => {
		clear();
		(handlers[event.type] as (event: MeshEvent) => void)(event);
	};
}

/** Addresses as a table; a label that several lines share is written once. */
export function summaryRows(lines: readonly SummaryLine[], { style }: Terminal): string[][] {
	return lines.map(({ label, value, of }, i) => [
		`  ${lines[i - 1]?.label === label ? "" : style.bold(label)}`,
		value,
		...(of === undefined ? [] : [style.dim(of)]),
	]);
}

function formatMs(ms: number): string {
	return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
