import type { FieldPath } from "../../../lib/field-path.ts";
import type { HttpMatch, HttpRoute } from "../virtual-service-spec.ts";
import type { Report } from "./report.ts";

interface Matching {
	readonly match?: readonly unknown[];
}

/** Rules that come after one without conditions never get any traffic. */
export function warnAfterCatchAll(routes: readonly Matching[], path: FieldPath, report: Report): void {
	const first = routes.findIndex(({ match }) => (match ?? []).length === 0);
	if (first < 0) return;
	for (let i = first + 1; i < routes.length; i++)
		report.warn(
			"LTN1317",
			path.index(i),
			`the rule is unreachable: rule ${first} matches everything`,
			"put the rule without match last",
		);
}

interface Placed {
	readonly match: HttpMatch;
	readonly rule: number;
	readonly path: FieldPath;
}

/** Warns of HTTP rules and matches that earlier ones leave nothing for. */
export function warnOfShadowedRules(routes: readonly HttpRoute[], path: FieldPath, report: Report): void {
	warnAfterCatchAll(routes, path, report);
	const placed = routes.flatMap((route, i) =>
		(route.match ?? []).map((match, j): Placed => ({ match, rule: i, path: path.index(i).field("match").index(j) })),
	);
	for (const [i, later] of placed.entries()) {
		const earlier = placed.slice(0, i).find((candidate) => covers(candidate.match, later.match));
		if (earlier)
			report.warn(
				"LTN1318",
				later.path,
				`the match has no effect: ${earlier.path} takes all of its requests`,
				"move the narrower match up",
			);
	}
}

/** Conditions other than the path; a condition that the earlier match does not have, or has alike, takes nothing away. */
const CONDITIONS = [
	"scheme",
	"method",
	"authority",
	"port",
	"sourceLabels",
	"gateways",
	"sourceNamespace",
	"headers",
	"queryParams",
	"withoutHeaders",
] as const satisfies readonly (keyof HttpMatch)[];

function covers(earlier: HttpMatch, later: HttpMatch): boolean {
	return pathCovers(earlier, later) && CONDITIONS.every((name) => conditionCovers(earlier[name], later[name]));
}

function conditionCovers(earlier: unknown, later: unknown): boolean {
	if (earlier === undefined) return true;
	if (typeof earlier !== "object" || earlier === null || Array.isArray(earlier))
		return JSON.stringify(earlier) === JSON.stringify(later);
	if (typeof later !== "object" || later === null) return false;
	// Maps of conditions: what the earlier one asks for, the later one asks for too.
	return Object.entries(earlier).every(
		([key, value]) => JSON.stringify(value) === JSON.stringify((later as Record<string, unknown>)[key]),
	);
}

function pathCovers(earlier: HttpMatch, later: HttpMatch): boolean {
	if (!earlier.uri) return true;
	if ((earlier.ignoreUriCase ?? false) !== (later.ignoreUriCase ?? false)) return false;
	if (JSON.stringify(earlier.uri) === JSON.stringify(later.uri)) return true;
	const { prefix } = earlier.uri;
	const wanted = later.uri?.prefix ?? later.uri?.exact;
	return prefix !== undefined && wanted?.startsWith(prefix) === true;
}
