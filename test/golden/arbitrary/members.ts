import fc, { type Arbitrary } from "fast-check";

/** Durations as people write them, zero among them where Istio lets it pass. */
export const duration: Arbitrary<string> = fc.constantFrom("1ms", "0.5s", "2s", "1m30s", "1h", "100ms", "1.250s");

/** Percentages as `{ value }`. */
export const percentage: Arbitrary<{ value: number }> = fc
	.constantFrom(0, 0.0001, 0.5, 33.3333, 50, 100)
	.map((value) => ({ value }));

/** Values of headers, cookies and bodies, with what is special to formats. */
export const text: Arbitrary<string> = oftenOne("v", ["a b", "100%%", "%START_TIME%", '"quoted"', "(", "é", "/x?y=1#z", "{}", "\\"], []);

/** Names of headers: ordinary ones, those that frame or route a message, pseudo headers. */
export const headerName: Arbitrary<string> = oftenOne(
	"x-a",
	["X-Mixed-Case", "cookie", "end-user", "content-length", "connection", "x-envoy-retry-on"],
	[],
);

/** Expressions in RE2's syntax, and a few that are none. */
export const regex: Arbitrary<string> = oftenOne(
	".*Firefox.*",
	[
		"^(.*?;)?(user=jason)(;.*)?$",
		"a|b",
		"(?i)abc",
		"[0-9]{2,5}",
		"\\d+\\.\\w*",
		"(?P<name>x)y",
		"\\pL+",
		"[[:alpha:]]+",
		"a{1000}",
		"(a{100}){10}",
		"\\Q.\\E",
		"\\b",
		"\\C",
		"(?s).",
		"(?U)a+",
		"*",
	],
	["(?=look)", "(", "x*+", ""],
);

/** Mostly the plain one, often a special one, seldom one that is to be refused. */
function oftenOne(plain: string, special: readonly string[], refused: readonly string[]): Arbitrary<string> {
	return fc.oneof(
		{ weight: 6, arbitrary: fc.constant(plain) },
		{ weight: 6, arbitrary: fc.constantFrom(...special) },
		...(refused.length > 0 ? [{ weight: 1, arbitrary: fc.constantFrom(...refused) }] : []),
	);
}

/** An object with any subset of the members. */
export function some<T extends Record<string, Arbitrary<unknown>>>(members: T): Arbitrary<Record<string, unknown>> {
	return fc.record(members, { requiredKeys: [] });
}
