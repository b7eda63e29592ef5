import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { eventually } from "../../support/eventually.ts";

const BRIDGE = "mesh0";
const GATEWAY_IP = "10.77.0.1";

/** A pod's network: a namespace of its own with one address, on a bridge with all others. */
export interface Pod {
	readonly ip: string;
	/** Starts a program in the pod. */
	start(command: readonly string[], options?: SpawnOptions): ChildProcess;
	/** Runs a program in the pod to its end; throws with what it said unless it succeeds. */
	run(command: readonly string[]): Promise<string>;
	close(): void;
}

/** Why pods cannot have networks here; undefined: they can. */
export function networkObstacle(): string | undefined {
	if (process.platform !== "linux") return `network namespaces are Linux's, this is ${process.platform}`;
	if (process.getuid?.() !== 0) return "making a network namespace needs root";
	const script =
		"ip link add probe0 type bridge && ip link add probe1 type veth && iptables -t nat -L -n && setpriv --version";
	const { status } = spawnSync("unshare", ["-n", "sh", "-c", script], { stdio: "ignore" });
	return status === 0 ? undefined : "unshare, nsenter, setpriv, ip and iptables are not all there, or not allowed";
}

/** Networks of pods, inside a network namespace that is the caller's own (`unshare -n`): the world outside sees none of it. */
export class PodNetwork {
	/** Where pods find what runs beside them in the caller's namespace. */
	readonly hostIp = GATEWAY_IP;
	readonly #pods: Pod[] = [];
	#next = 2;

	constructor() {
		sh(
			`ip link set lo up && ip link add ${BRIDGE} type bridge && ip addr add ${GATEWAY_IP}/16 dev ${BRIDGE} && ip link set ${BRIDGE} up`,
		);
	}

	async pod(): Promise<Pod> {
		const number = this.#next++;
		const ip = `10.77.0.${number}`;
		// The namespace lives as long as this process, which ends with its standard input.
		const holder = spawn("unshare", ["-n", "cat"], { stdio: ["pipe", "ignore", "inherit"] });
		const own = readlinkSync("/proc/self/ns/net");
		await eventually("a network namespace", () => readlinkSync(`/proc/${holder.pid}/ns/net`) !== own);
		const enter = ["nsenter", "-t", String(holder.pid), "-n"];
		const [outside, inside] = [`veth${number}`, `pod${number}`];
		sh(
			`ip link add ${outside} type veth peer name ${inside} && ip link set ${outside} master ${BRIDGE} up && ip link set ${inside} netns ${holder.pid}`,
		);
		sh(
			`${enter.join(" ")} sh -c "ip link set lo up && ip addr add ${ip}/16 dev ${inside} && ip link set ${inside} up && ip route add default via ${GATEWAY_IP}"`,
		);
		const pod: Pod = {
			ip,
			start: (command, options = {}) => spawn(enter[0]!, [...enter.slice(1), ...command], options),
			run: async (command) => (await promisify(execFile)(enter[0]!, [...enter.slice(1), ...command])).stdout,
			close: () => void holder.kill("SIGKILL"),
		};
		this.#pods.push(pod);
		return pod;
	}

	close(): void {
		for (const pod of this.#pods) pod.close();
	}
}

function sh(script: string): void {
	execFileSync("sh", ["-c", script], { stdio: ["ignore", "ignore", "pipe"] });
}
