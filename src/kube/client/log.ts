/** The part of a pino logger that rooms under `kube/` use; pass `logger.child({room})`. */
export interface Log {
	debug(fields: object, message: string): void;
	info(fields: object, message: string): void;
	warn(fields: object, message: string): void;
	error(fields: object, message: string): void;
}

/** Drops everything; for tests and for callers that keep no log. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
