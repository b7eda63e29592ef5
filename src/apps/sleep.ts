import { onStop } from "./kit/lifecycle.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `sleep infinity`: a pod that is only there to run commands in. */
export async function start(): Promise<void> {
	setInterval(() => {}, LONGEST_TIMER_MS);
	onStop(() => {});
}
