import { ProblemError, problem } from "../lib/problem.ts";
import { portHolder } from "./port-holder.ts";

/** A port that the mesh is to open. */
export interface WantedPort {
	readonly port: number;
	readonly host: string;
	/** The flag that chooses another one. */
	readonly flag: string;
}

/** Runs `open`; when the port is taken, the problem names who has it and the flag that chooses another. */
export async function explainPortError<T>({ port, host, flag }: WantedPort, open: () => Promise<T>): Promise<T> {
	try {
		return await open();
	} catch (error) {
		const { code, port: taken } = error as NodeJS.ErrnoException & { port?: number };
		const inUse = code === "EADDRINUSE" && (taken === undefined || taken === port);
		const told = error instanceof ProblemError && error.problems.some((p) => p.code === "LTN2004");
		if (!inUse && !told) throw error;
		const holder = portHolder(port, host) ?? "another process";
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
