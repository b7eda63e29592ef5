import { RE2JS } from "re2js";
import { parseDurationMs } from "../../../lib/duration.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import { labelValueRule, qualifiedNameRule } from "../../name-rules.ts";
import { isDnsLabel, isFqdn, isIpAddress, isWildcardDomain } from "./host-names.ts";
import type { Report } from "./report.ts";

const MAX_REGEX = 1024;

type Maybe<T> = T | null | undefined;

/** At least a millisecond, whole milliseconds. */
export function checkDuration(text: Maybe<string>, path: FieldPath, report: Report, allowZero = false): void {
	if (text === undefined || text === null) return;
	const ms = parseDurationMs(text);
	if (ms === undefined) {
		report.error("LTN1103", path, `${JSON.stringify(text)} is no duration`, "write it like 10ms, 1.5s or 1m");
	} else if (!(allowZero && ms === 0) && (ms < 1 || Math.abs(ms - Math.round(ms)) > 1e-6)) {
		report.error("LTN1103", path, `${text} is not at least 1ms and whole milliseconds`);
	}
}

export function isPort(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535;
}

export function checkPort(value: Maybe<number>, path: FieldPath, report: Report): void {
	if (value !== undefined && value !== null && !isPort(value))
		report.error("LTN1102", path, `port ${value} is not in 1..65535`);
}

/** A percentage with fractions: 0, or 0.0001 to 100. */
export function checkPercent(value: Maybe<number>, path: FieldPath, report: Report): void {
	if (value === undefined || value === null) return;
	if (value < 0 || value > 100 || (value > 0 && value < 0.0001))
		report.error("LTN1108", path, `${value} is not a percentage: 0, or 0.0001 to 100`);
}

export function checkRange(
	value: Maybe<number>,
	[min, max]: readonly [number, number],
	path: FieldPath,
	report: Report,
): void {
	if (value !== undefined && value !== null && (value < min || value > max))
		report.error("LTN1112", path, `${value} is not in ${min}..${max}`);
}

/** Counts that may not be negative. */
export function checkCounts(object: object, names: readonly string[], path: FieldPath, report: Report): void {
	for (const name of names) {
		const value = (object as Record<string, unknown>)[name];
		if (typeof value === "number" && value < 0) report.error("LTN1112", path.field(name), `${value} is negative`);
	}
}

/** RE2 syntax, not empty, not endless. */
export function checkRegex(pattern: string, path: FieldPath, report: Report): void {
	if (pattern === "") report.error("LTN1107", path, "the regular expression is empty");
	else if (pattern.length > MAX_REGEX)
		report.error("LTN1107", path, `the regular expression is longer than ${MAX_REGEX} characters`);
	else {
		try {
			RE2JS.compile(pattern);
		} catch (error) {
			const reason = error instanceof Error ? error.message : String(error);
			report.error(
				"LTN1107",
				path,
				`${JSON.stringify(pattern)} is no RE2 expression: ${reason}`,
				"RE2 knows no look-around and no back-references",
			);
		}
	}
}

/** Keys and values of labels. */
export function checkLabels(labels: Maybe<Readonly<Record<string, string>>>, path: FieldPath, report: Report): void {
	for (const [key, value] of Object.entries(labels ?? {})) {
		const details = [...qualifiedNameRule(key), ...labelValueRule(value)];
		if (details.length > 0) report.error("LTN1104", path.key(key), details[0]!);
	}
}

/** A selector of workloads: no wildcard, no empty key; without labels it takes all of the namespace. */
export function checkSelector(labels: Maybe<Readonly<Record<string, string>>>, path: FieldPath, report: Report): void {
	const entries = Object.entries(labels ?? {});
	if (entries.length === 0)
		report.warn("LTN1104", path, "the selector has no labels, so it applies to all workloads of the namespace");
	for (const [key, value] of entries) {
		if (key === "") report.error("LTN1104", path, "a label key is empty");
		if (key.includes("*") || value.includes("*"))
			report.error("LTN1104", path.key(key), "wildcards are not supported in selectors");
	}
}

interface ExportContext {
	readonly namespace: string | undefined;
	readonly allowNobody: boolean;
}

/** `exportTo`: `*`, `.`, a namespace, and `~` where it is known; the catch-alls stand alone. */
export function checkExportTo(
	list: Maybe<readonly string[]>,
	context: ExportContext,
	path: FieldPath,
	report: Report,
): void {
	const seen = new Set<string>();
	for (const [i, entry] of (list ?? []).entries()) {
		const at = path.index(i);
		const isKnown = entry === "*" || entry === "." || (entry === "~" && context.allowNobody) || isDnsLabel(entry);
		if (!isKnown) report.error("LTN1105", at, `${JSON.stringify(entry)} is neither *, . nor a namespace`);
		const meant = entry === "." && context.namespace ? context.namespace : entry;
		if (seen.has(meant)) report.error("LTN1105", at, `${entry} is there twice`);
		seen.add(meant);
	}
	for (const alone of ["*", "~"])
		if (seen.has(alone) && seen.size > 1) report.error("LTN1105", path, `${alone} cannot stand beside other entries`);
}

/** The host of a destination or of a rule about one: a name, perhaps with a wildcard where `allowWildcard`. */
export function checkServiceHost(host: string, allowWildcard: boolean, path: FieldPath, report: Report): void {
	const isFine = allowWildcard ? isWildcardDomain(host) : isFqdn(host) || isIpAddress(host);
	if (isFine) return;
	const fix = host === "*" || host.includes("*") ? "name one service" : "use a service name or a DNS name";
	report.error("LTN1101", path, `${JSON.stringify(host)} is no valid host`, fix);
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PSEUDO = new Set([":method", ":scheme", ":authority", ":path", ":status"]);
export const JWT_CLAIM_PREFIX = "@request.auth.claims";

/** Name of a header in a match. */
export function checkHeaderName(name: string, path: FieldPath, report: Report): void {
	if (name === "") report.error("LTN1109", path, "the header name is empty");
	else if (!PSEUDO.has(name) && !name.startsWith(JWT_CLAIM_PREFIX) && !HEADER_NAME.test(name))
		report.error("LTN1109", path, `${JSON.stringify(name)} is no header name`);
}

interface HeaderOperations {
	readonly set?: Readonly<Record<string, string>> | null;
	readonly add?: Readonly<Record<string, string>> | null;
	readonly remove?: readonly string[] | null;
}

/** `headers.request` or `headers.response`. */
export function checkHeaderOperations(
	operations: HeaderOperations | undefined,
	isRequest: boolean,
	path: FieldPath,
	report: Report,
): void {
	for (const name of ["set", "add"] as const) {
		for (const [header, value] of Object.entries(operations?.[name] ?? {})) {
			const at = path.field(name).key(header);
			checkWritableHeader(header, isRequest, at, report);
			checkHeaderValue(value, at, report);
		}
	}
	for (const [i, header] of (operations?.remove ?? []).entries())
		checkWritableHeader(header, false, path.field("remove").index(i), report);
}

function checkWritableHeader(name: string, allowsHost: boolean, path: FieldPath, report: Report): void {
	const lower = name.toLowerCase();
	const isHost = lower === "host" || lower === ":authority";
	if (isHost && allowsHost) return;
	if (isHost || name.startsWith(":"))
		report.error(
			"LTN1109",
			path,
			`${JSON.stringify(name)} cannot be changed here`,
			"use rewrite.authority for the host",
		);
	else if (!HEADER_NAME.test(name)) report.error("LTN1109", path, `${JSON.stringify(name)} is no header name`);
}

function checkHeaderValue(value: string, path: FieldPath, report: Report): void {
	const hasControl = Array.from(value).some(
		(character) => character !== "\t" && (character < " " || character === "\u007f"),
	);
	if (hasControl) report.error("LTN1109", path, "the header value holds control characters");
	if (!percentsAreBalanced(value))
		report.error("LTN1109", path, `${JSON.stringify(value)} has an unpaired %`, "write %% for a percent sign");
}

function percentsAreBalanced(value: string): boolean {
	return (value.replaceAll("%%", "").split("%").length - 1) % 2 === 0;
}
