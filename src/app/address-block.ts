import { createServer } from "node:net";
import { addressPlan, NODE_PROXY_PORT } from "../lib/address-plan.ts";
import { ProblemError, problem } from "../lib/problem.ts";

const FIRST_BLOCK = 64;
const LAST_BLOCK = 254;

/**
 * The block of loopback addresses for a mesh: the wanted one, or the first whose node address nobody uses. Throws ProblemError when the
 * wanted one is taken or the machine has no 127.x addresses beside 127.0.0.1.
 */
export async function chooseAddressBlock(wanted: number | undefined): Promise<number> {
	if (wanted !== undefined) {
		await probe(wanted);
		return wanted;
	}
	for (let block = FIRST_BLOCK; block <= LAST_BLOCK; block++) {
		try {
			await probe(block);
			return block;
		} catch (error) {
			if (!(error instanceof ProblemError) || error.problems[0]?.code !== "LTN6020") throw error;
		}
	}
	throw new ProblemError([
		problem(
			"LTN6020",
			"--address-block",
			"every block of loopback addresses is taken",
			"stop a mesh with `lateen down`",
		),
	]);
}

function probe(block: number): Promise<void> {
	const { nodeIp } = addressPlan(block);
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", (error: NodeJS.ErrnoException) => reject(bindProblem(error, block, nodeIp)));
		server.listen(NODE_PROXY_PORT, nodeIp, () => server.close(() => resolve()));
	});
}

function bindProblem(cause: NodeJS.ErrnoException, block: number, nodeIp: string): Error {
	if (cause.code === "EADDRINUSE") {
		const message = `the addresses 127.${block}.0.0/16 are used by another mesh`;
		return new ProblemError(
			[problem("LTN6020", "--address-block", message, "choose another block, or none for a free one")],
			{ cause },
		);
	}
	if (cause.code === "EADDRNOTAVAIL") {
		const message = `this machine has no address ${nodeIp}`;
		const fix = `add the loopback addresses, on macOS as root: for i in $(seq 1 254); do ifconfig lo0 alias 127.${block}.0.$i up; done (and 127.${block}.1.*, .65.*, .128.*, .192.*)`;
		return new ProblemError([problem("LTN6021", "--address-block", message, fix)], { cause });
	}
	return new Error(`${nodeIp}:${NODE_PROXY_PORT} cannot be opened: ${cause.message}`, { cause });
}
