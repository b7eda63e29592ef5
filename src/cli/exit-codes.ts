/** What the shell sees. 64 and above follow sysexits.h, as istioctl does for 64, 65 and 79. */
export const EXIT = {
	ok: 0,
	/** The command was carried out and failed. */
	failed: 1,
	/** Bad flags or an unknown command. */
	usage: 64,
	/** An input file could not be parsed. */
	badInput: 65,
	/** No mesh runs (here), or it does not answer. */
	unavailable: 69,
	/** A bug in Lateen. */
	bug: 70,
	/** Something cannot be opened or written: a port in use, a full disk. */
	cannotCreate: 73,
	/** Another process holds the folder. */
	locked: 75,
	/** Analysis found problems at the failure threshold. */
	findings: 79,
	interrupted: 130,
} as const;

/** Ends a command with problems that were told to the user; `exitCode` of the table above. */
export class CommandError extends Error {
	readonly exitCode: number;
	constructor(exitCode: number, message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "CommandError";
		this.exitCode = exitCode;
	}
}
