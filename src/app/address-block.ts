import { createServer } from "node:net";
import { addressPlan, NODE_DNS_PORT, NODE_PROXY_PORT } from "../lib/address-plan.ts";
import { ProblemError, problem } from "../lib/problem.ts";

const FIRST_BLOCK = 64;
const LAST_BLOCK = 254;

/** What is known about the addresses of a mesh before it has them. */
export interface BlockWishes {
	/** What the user asks for. */
	readonly wanted: number | undefined;
	/** What the mesh of this folder had the last time. */
	readonly earlier: number | undefined;
	/** The block that a process of this very mesh, which lived on, holds open. */
	readonly held: number | undefined;
}

/**
 * The block of loopback addresses for a mesh: the wanted one, else the one it had, else the first whose node address nobody uses.
 * Throws ProblemError when the wanted one is taken or the machine has no 127.x addresses beside 127.0.0.1.
 */
export async function chooseAddressBlock({ wanted, earlier, held }: BlockWishes): Promise<number> {
	if (wanted !== undefined) {
		if (wanted !== held) await probe(wanted);
		return wanted;
	}
	if (earlier !== undefined && (earlier === held || (await isFree(earlier)))) return earlier;
	for (let block = FIRST_BLOCK; block <= LAST_BLOCK; block++) if (await isFree(block)) return block;
	throw new ProblemError([
		problem(
			"LTN6020",
			"--address-block",
			"every block of loopback addresses is taken",
			"stop a mesh with `lateen down`",
		),
	]);
}

async function isFree(block: number): Promise<boolean> {
	try {
		await probe(block);
		return true;
	} catch (error) {
		if (error instanceof ProblemError && error.problems[0]?.code === "LTN6020") return false;
		throw error;
	}
}

/** Opens and closes what the node's networking will open. */
async function probe(block: number): Promise<void> {
	for (const port of [NODE_DNS_PORT, NODE_PROXY_PORT]) await probePort(block, port);
}

function probePort(block: number, port: number): Promise<void> {
	const { nodeIp } = addressPlan(block);
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", (error: NodeJS.ErrnoException) => reject(bindProblem(error, block, `${nodeIp}:${port}`)));
		server.listen(port, nodeIp, () => server.close(() => resolve()));
	});
}

function bindProblem(cause: NodeJS.ErrnoException, block: number, where: string): Error {
	if (cause.code === "EADDRINUSE") {
		const message = `the addresses 127.${block}.0.0/16 are used by another mesh`;
		return new ProblemError(
			[problem("LTN6020", "--address-block", message, "choose another block, or none for a free one")],
			{ cause },
		);
	}
	if (cause.code === "EADDRNOTAVAIL") {
		const message = `this machine has no address ${where.split(":")[0]}`;
		const fix = `add the loopback addresses, on macOS as root: for i in $(seq 1 254); do ifconfig lo0 alias 127.${block}.0.$i up; done (and 127.${block}.1.*, .65.*, .128.*, .192.*)`;
		return new ProblemError([problem("LTN6021", "--address-block", message, fix)], { cause });
	}
	return new Error(`${where} cannot be opened: ${cause.message}`, { cause });
}
