import { ProblemError, problem } from "../lib/problem.ts";
import { portHolder } from "./port-holder.ts";

/** Runs `open`; when the port is taken, the problem names who has it and the flag that chooses another. */
export async function explainPortError<T>(port: number, flag: string, open: () => Promise<T>): Promise<T> {
	try {
		return await open();
	} catch (error) {
		const { code, port: taken } = error as NodeJS.ErrnoException & { port?: number };
		const inUse = code === "EADDRINUSE" && (taken === undefined || taken === port);
		const told = error instanceof ProblemError && error.problems.some((p) => p.code === "LTN2004");
		if (!inUse && !told) throw error;
		const holder = portHolder(port) ?? "another process";
		const message = `port ${port} is in use by ${holder}`;
		throw new ProblemError(
			[
				problem(
					"LTN6012",
					flag,
					message,
					`end that process, or choose another port with ${flag} (or all with --ports auto)`,
				),
			],
			{ cause: error },
		);
	}
}
