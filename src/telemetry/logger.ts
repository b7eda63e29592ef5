import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { logDestination } from "./log-destination.ts";

/** Envoy's level names, least to most silent (admin `/logging`). */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const PINO_LEVEL: Readonly<Record<LogLevel, string>> = {
	trace: "trace",
	debug: "debug",
	info: "info",
	warning: "warn",
	error: "error",
	critical: "fatal",
	off: "silent",
};

/** Structured logging: fields first, then the sentence. Never hand it a secret. */
export interface Logger {
	trace(fields: object, message: string): void;
	debug(fields: object, message: string): void;
	info(fields: object, message: string): void;
	warn(fields: object, message: string): void;
	error(fields: object, message: string): void;
}

/** The loggers of one process, one per component, each with a level of its own that can change while it runs. */
export interface Logging {
	/** The same logger for the same component. */
	component(name: string): Logger;
	/** Sets one component's level, or with `undefined` that of all present and later ones; false when there is no such component. */
	setLevel(component: string | undefined, level: LogLevel): boolean;
	/** Component → level, sorted by name. */
	levels(): Readonly<Record<string, LogLevel>>;
}

export interface LoggingOptions {
	readonly level: LogLevel;
	/** Where JSON lines go; standard error when absent, so that standard output stays the program's. */
	readonly destination?: DestinationStream;
	/** Fields on every line. */
	readonly base?: Readonly<Record<string, unknown>>;
}

/** Loggers that write JSON lines `{level, time, component, msg, ...}` with pino. */
export function createLogging(options: LoggingOptions): Logging {
	const root = pino(
		{
			level: "trace",
			base: options.base ?? {},
			timestamp: pino.stdTimeFunctions.isoTime,
			formatters: { level: (label) => ({ level: label }) },
		},
		options.destination ?? logDestination(2),
	);
	const loggers = new Map<string, { logger: PinoLogger; level: LogLevel }>();
	let defaultLevel = options.level;
	return {
		component(name) {
			const known = loggers.get(name);
			if (known) return known.logger;
			const logger = root.child({ component: name }, { level: PINO_LEVEL[defaultLevel] });
			loggers.set(name, { logger, level: defaultLevel });
			return logger;
		},
		setLevel(component, level) {
			if (component === undefined) defaultLevel = level;
			const chosen = component === undefined ? [...loggers.values()] : [loggers.get(component)];
			for (const entry of chosen) {
				if (!entry) return false;
				entry.level = level;
				entry.logger.level = PINO_LEVEL[level];
			}
			return true;
		},
		levels: () =>
			Object.fromEntries(
				[...loggers].map(([name, { level }]) => [name, level] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
			),
	};
}

/** `warn` → `warning` and the like; undefined when it is no level. */
export function parseLogLevel(text: string): LogLevel | undefined {
	const name = text === "warn" ? "warning" : text;
	return LOG_LEVELS.find((level) => level === name);
}

/** Says nothing; for tests and for rooms started without logging. */
export const silentLogger: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
