import type { MeshEvent } from "../app/mesh-events.ts";
import { formatProblem } from "../lib/problem.ts";
import type { Terminal } from "./terminal.ts";

/** Prints what a starting mesh tells: steps with check marks on stderr, then the addresses (or one JSON object) on stdout. */
export function progressPrinter(out: Terminal, asJson: boolean): (event: MeshEvent) => void {
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
		ready: (event) => (asJson ? out.json(event.state) : printSummary(event, out)),
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

function printSummary(event: Extract<MeshEvent, { type: "ready" }>, out: Terminal): void {
	const width = Math.max(...event.summary.map((s) => s.label.length));
	out.line();
	for (const { label, value } of event.summary) out.line(`  ${out.style.bold(label.padEnd(width))}   ${value}`);
	out.line();
}

function formatMs(ms: number): string {
	return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
