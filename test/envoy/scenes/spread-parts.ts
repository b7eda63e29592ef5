import type { Case } from "../harness/scene.ts";

interface LogLine {
	readonly host: string | null;
	readonly code: number;
	readonly flags: string | null;
	readonly details: string | null;
}

type Headers = Readonly<Record<string, string>>;

/** Many requests: how many went where, and how they were answered; the order is chance. */
export function spread(
	name: string,
	path: string,
	times: number,
	more: Partial<Case> & { headers?: Headers } = {},
): Case {
	const { headers, ...rest } = more;
	return {
		name,
		send: Array.from({ length: times }, () => ({ path, ...(headers && { headers }) })),
		compare: ({ log, counters }) => {
			const seen: Record<string, number> = {};
			for (const { host, code, flags, details } of log as LogLine[]) {
				const key = `${code} ${flags} ${details} ${host}`;
				seen[key] = (seen[key] ?? 0) + 1;
			}
			return { seen: Object.entries(seen).sort(), counters };
		},
		...rest,
	} as Case;
}

/**
 * Many requests that chance spreads: each endpoint's part of them in steps that are wide enough (`step` percent, 4 standard deviations or more), with
 * counters left to the case.
 */
export function parts(name: string, path: string, times: number, step: number, more: Partial<Case> = {}): Case {
	return {
		name,
		send: Array.from({ length: times }, () => ({ path })),
		compare: ({ log }) => {
			const seen: Record<string, number> = {};
			for (const { host, code } of log as LogLine[]) seen[`${code} ${host}`] = (seen[`${code} ${host}`] ?? 0) + 1;
			return Object.entries(seen)
				.map(([where, count]) => `${where} ${Math.round((100 * count) / times / step) * step}`)
				.sort();
		},
		...more,
	} as Case;
}
