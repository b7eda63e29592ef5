import type { Pod } from "./pod-network.ts";

/** What curl in a pod prints; rejects where there is no answer. */
export function curl(pod: Pod, ...args: string[]): Promise<string> {
	return pod.run(["curl", "-s", "-m", "5", ...args]);
}

/** The status, or 000 where there is no answer. */
export function status(pod: Pod, ...args: string[]): Promise<string> {
	return curl(pod, "-o", "/dev/null", "-w", "%{http_code}", ...args).catch(() => "000");
}
