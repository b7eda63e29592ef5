import { parseDurationMs } from "../../lib/duration.ts";

/** Text formats that Kubernetes checks in structural schemas; the rest are accepted as they are. */
const CHECKS: Readonly<Record<string, (text: string) => boolean>> = {
	"date-time": (text) =>
		/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(Date.parse(text)),
	date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
	duration: (text) => parseDurationMs(text) !== undefined,
	byte: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
	uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
	ipv4: (text) => /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split(".").every((part) => Number(part) <= 255),
	hostname: (text) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i.test(text),
	uri: (text) => URL.canParse(text),
	email: (text) => /^[^@\s]+@[^@\s]+$/.test(text),
};

/** The offending text in quotes when `text` is not of the format, else undefined. */
export function formatProblemOf(format: string, text: string): string | undefined {
	const check = Object.hasOwn(CHECKS, format) ? CHECKS[format] : undefined;
	return !check || check(text) ? undefined : JSON.stringify(text);
}
