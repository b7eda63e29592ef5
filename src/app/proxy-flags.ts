import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { ProblemError, problem } from "../lib/problem.ts";
import { LOG_LEVELS, type LogLevel, parseLogLevel } from "../telemetry/logger.ts";

/** The command line of `lateen proxy`, read. */
export interface ProxyFlags {
	/** Bootstrap file with text that is merged into it (`--config-yaml`, empty: none), or the text alone. */
	readonly config: { readonly file: string; readonly overlay: string } | { readonly text: string };
	readonly level: LogLevel;
	readonly componentLevels: readonly (readonly [string, LogLevel])[];
	readonly validateOnly: boolean;
	readonly concurrency: number;
	readonly drainTimeMs: number;
	readonly shutdownMs: number;
	readonly allowUnknownFields: boolean;
	/** The admin interface's address is written there once it is open. */
	readonly adminAddressPath: string | undefined;
	/** For a bootstrap whose node says neither. */
	readonly serviceNode: string;
	readonly serviceCluster: string;
	readonly serviceZone: string;
	/** Tags that every stat carries (`--stats-tag name:value`). */
	readonly statsTags: readonly (readonly [name: string, value: string])[];
	/** Where the application log goes; standard error when empty. */
	readonly logPath: string;
	/** Flags of Envoy that change nothing here, as they were given. */
	readonly withoutEffect: readonly string[];
}

const MAX_THREADS = 128;

const OPTIONS = {
	"config-path": { type: "string", short: "c" },
	"config-yaml": { type: "string" },
	"log-level": { type: "string", short: "l", default: "info" },
	"component-log-level": { type: "string" },
	mode: { type: "string", default: "serve" },
	concurrency: { type: "string", default: "1" },
	"drain-time-s": { type: "string", default: "600" },
	"shutdown-deadline-s": { type: "string", default: "10" },
	"allow-unknown-static-fields": { type: "boolean", default: false },
	"admin-address-path": { type: "string" },
	"service-node": { type: "string", default: "" },
	"service-cluster": { type: "string", default: "" },
	"service-zone": { type: "string", default: "" },
	"stats-tag": { type: "string", multiple: true },
	"log-path": { type: "string", default: "" },
	"allow-unknown-fields": { type: "boolean", default: false },
	"drain-strategy": { type: "string", default: "gradual" },
	"local-address-ip-version": { type: "string", default: "v4" },
} as const;

/** Envoy's flags for what Lateen does not have (hot restart, log formats, huge pages): Istio's agent and many scripts pass them. */
const WITHOUT_EFFECT = {
	"disable-hot-restart": { type: "boolean" },
	"use-dynamic-base-id": { type: "boolean" },
	"skip-hot-restart-on-no-parent": { type: "boolean" },
	"skip-deprecated-logs": { type: "boolean" },
	"base-id": { type: "string" },
	"restart-epoch": { type: "string" },
	"parent-shutdown-time-s": { type: "string" },
	"file-flush-interval-msec": { type: "string" },
	"file-flush-min-size-kb": { type: "string" },
	"enable-core-dump": { type: "boolean" },
	"log-format": { type: "string" },
	"log-format-escaped": { type: "boolean" },
	"log-stacktrace-single-entry": { type: "boolean" },
	"cpuset-threads": { type: "boolean" },
	"socket-path": { type: "string" },
	"socket-mode": { type: "string" },
	"skip-hot-restart-parent-stats": { type: "boolean" },
	"enable-fine-grain-logging": { type: "boolean" },
	"enable-mutex-tracing": { type: "boolean" },
	// Files with unknown fields are refused in any case, and what a control plane sends beyond the API is passed over.
	"ignore-unknown-dynamic-fields": { type: "boolean" },
} as const;

/** Flags of Envoy whose meaning cannot be kept: refused, with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
	"base-id-path": "there is no hot restart and so no base id: remove the flag",
	"disable-extensions": "remove the flag: an extension that no configuration names does nothing",
	"hot-restart-version": "there is no hot restart",
	"bootstrap-version": "Envoy removed the flag, the API is v3: remove it",
	"reject-unknown-dynamic-fields": "fields that this proxy knows and does not obey are always refused: remove the flag",
};

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

/** Reads the flags; throws ProblemError (LTN4301). */
export function parseProxyFlags(argv: readonly string[]): ProxyFlags {
	const { values, withoutEffect } = split(argv);
	if (values.mode !== "serve" && values.mode !== "validate")
		throw new ProblemError([usage("--mode", `"${values.mode}" is neither serve nor validate`)]);
	readChoice("--drain-strategy", values["drain-strategy"], ["gradual", "immediate"]);
	readChoice("--local-address-ip-version", values["local-address-ip-version"], ["v4", "v6"]);
	return {
		config: readConfig(values),
		level: readLevel("--log-level", values["log-level"]),
		componentLevels: readComponentLevels(values["component-log-level"] ?? ""),
		validateOnly: values.mode === "validate",
		concurrency: readThreads(values.concurrency),
		drainTimeMs: readSeconds("--drain-time-s", values["drain-time-s"]),
		shutdownMs: readSeconds("--shutdown-deadline-s", values["shutdown-deadline-s"]),
		allowUnknownFields: values["allow-unknown-static-fields"] || values["allow-unknown-fields"],
		adminAddressPath: values["admin-address-path"],
		serviceNode: values["service-node"],
		serviceCluster: values["service-cluster"],
		serviceZone: values["service-zone"],
		statsTags: (values["stats-tag"] ?? []).map(readTag),
		logPath: values["log-path"],
		withoutEffect,
	};
}

function split(argv: readonly string[]): { values: Values; withoutEffect: string[] } {
	refuseByName(argv);
	try {
		const options = { ...OPTIONS, ...WITHOUT_EFFECT };
		const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false });
		const given = Object.keys(values).filter((name) => Object.hasOwn(WITHOUT_EFFECT, name));
		const kept = argv.filter((flag) => /^--(drain-strategy|local-address-ip-version)(=|$)/.test(flag));
		const idle = [...given.map((name) => `--${name}`), ...kept.map((flag) => flag.split("=", 1)[0]!)];
		return { values: values as Values, withoutEffect: idle };
	} catch (error) {
		throw new ProblemError([usage("", (error as Error).message.split("\n", 1)[0]!)], { cause: error });
	}
}

function refuseByName(argv: readonly string[]): void {
	const problems = argv.flatMap((flag) => {
		const name = flag.startsWith("--") ? flag.slice(2).split("=", 1)[0]! : "";
		if (!Object.hasOwn(REFUSED, name)) return [];
		return [problem("LTN4301", `--${name}`, "this flag of Envoy is not implemented", REFUSED[name]!)];
	});
	if (problems.length > 0) throw new ProblemError(problems);
}

function readChoice(flag: string, value: string, choices: readonly string[]): void {
	if (!choices.includes(value)) throw new ProblemError([usage(flag, `"${value}" is not one of ${choices.join(", ")}`)]);
}

/** Envoy: a name of letters, digits and underscores, a colon, a value of those, `-`, `/` and more colons. */
function readTag(text: string): readonly [string, string] {
	const [, name, value] = /^([\w]+):([\w:/.-]+)$/.exec(text) ?? [];
	if (!name || !value) throw new ProblemError([usage("--stats-tag", `"${text}" is not name:value`)]);
	return [name, value];
}

function readConfig(values: Values): ProxyFlags["config"] {
	const { "config-path": file, "config-yaml": text } = values;
	if (file) return { file, overlay: text ?? "" };
	if (text) return { text };
	throw new ProblemError([usage("--config-path", "no bootstrap is named")]);
}

function readComponentLevels(text: string): (readonly [string, LogLevel])[] {
	const pairs = text.split(",").filter((pair) => pair !== "");
	return pairs.map((pair) => {
		const [name, level] = pair.split(":", 2);
		return [name!, readLevel("--component-log-level", level ?? "")] as const;
	});
}

function readLevel(flag: string, text: string): LogLevel {
	const level = parseLogLevel(text);
	if (!level) throw new ProblemError([usage(flag, `"${text}" is not a level (${LOG_LEVELS.join(", ")})`)]);
	return level;
}

/** 0: as many as there are cores, as Envoy's. */
function readThreads(text: string): number {
	const threads = Number(text);
	if (!/^\d+$/.test(text) || threads > MAX_THREADS)
		throw new ProblemError([usage("--concurrency", `"${text}" is not a number of threads (0 to ${MAX_THREADS})`)]);
	return threads === 0 ? availableParallelism() : threads;
}

function readSeconds(flag: string, text: string): number {
	const seconds = Number(text);
	if (!Number.isFinite(seconds) || seconds < 0)
		throw new ProblemError([usage(flag, `"${text}" is not a number of seconds`)]);
	return seconds * 1000;
}

function usage(path: string, message: string) {
	return problem(
		"LTN4301",
		path,
		message,
		"usage: lateen proxy -c FILE | --config-yaml TEXT [-l LEVEL] [--component-log-level a:LEVEL,...] [--mode serve|validate] [--concurrency N] [--drain-time-s N] [--shutdown-deadline-s N] [--allow-unknown-static-fields] [--admin-address-path FILE] [--service-node ID] [--service-cluster NAME] [--service-zone ZONE] [--stats-tag NAME:VALUE] [--log-path FILE] [--version]",
	);
}
