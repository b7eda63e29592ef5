import { complain } from "./say.ts";

type Stop = () => void | Promise<void>;

const stops: Stop[] = [];

/** Registers what is to be done before the process ends on SIGTERM or SIGINT; the exit status is then 0. */
export function onStop(stop: Stop): void {
	if (stops.push(stop) > 1) return;
	process.once("SIGTERM", runStops);
	process.once("SIGINT", runStops);
}

function runStops(): void {
	Promise.all(stops.map((stop) => stop())).then(
		() => process.exit(0),
		(error: unknown) => {
			complain(`stopping failed: ${String(error)}`);
			process.exit(1);
		},
	);
}
