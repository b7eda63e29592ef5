import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { compileRegex, compileRegexRewrite, RegexSyntaxError } from "./regex.ts";
import { literalPrefix, planRegex } from "./regex-plan.ts";

const ATOMS = [
	"a",
	"b",
	"/",
	"\\.",
	".*",
	".+",
	".*?",
	"(a|b)",
	"(?:ab|)",
	"^",
	"$",
	"|",
	";",
	"[ab]",
	"a?",
	"\\d",
	"=",
];

test("a planned string operation answers as the engine does, for patterns of common shapes", () => {
	let planned = 0;
	fc.assert(
		fc.property(
			fc.array(fc.constantFrom(...ATOMS), { maxLength: 6 }),
			fc.array(fc.array(fc.constantFrom("a", "b", "/", ".", ";", "\n", "ab", "=", "1"), { maxLength: 8 }), {
				maxLength: 12,
			}),
			(atoms, values) => {
				const pattern = atoms.join("");
				if (planRegex(pattern)) planned++;
				const engine = RE2JS.compile(`^(?:${pattern})$`);
				const regex = compileRegex(pattern);
				const prefix = literalPrefix(pattern);
				for (const value of values.map((v) => v.join(""))) {
					assert.equal(regex.matches(value), engine.test(value), `${pattern} on ${JSON.stringify(value)}`);
					if (engine.test(value)) assert.ok(value.startsWith(prefix), `${pattern} has no prefix ${prefix}`);
				}
			},
		),
		{ numRuns: 3000 },
	);
	assert.ok(planned > 300, `only ${planned} patterns were planned`);
});

test("Istio's cookie expression needs no engine", () => {
	const pattern = "^(.*?;)?(user=jason)(;.*)?$";
	const plan = planRegex(pattern)!;
	const engine = RE2JS.compile(`^(?:${pattern})$`);
	const values = [
		"user=jason",
		"a=b;user=jason",
		"a=b; user=jason",
		"user=jason;x=y",
		"user=jasonx",
		"xuser=jason",
		"a;user=jason;b",
		"",
	];
	for (const value of values) assert.equal(plan(value), engine.test(value), value);
});

test("plans are found for the shapes that rules are written in, and only for those", () => {
	for (const pattern of [
		"/api/.*",
		".*\\.html",
		"/a/.*/b",
		"^/exact$",
		"(v1|v2)",
		"/v(1|2)/x",
		"a|b",
		".*mid.*",
		".+",
		"x\\$",
	])
		assert.ok(planRegex(pattern), pattern);
	for (const pattern of ["/v[0-9]+", "(?i)abc", "a+", "(ab)?", "\\d", "a.*b.*c", "a\\", "ab*", "(a|b)*"])
		assert.equal(planRegex(pattern), undefined, pattern);
});

test("the whole value must match, alternatives included", () => {
	assert.ok(!compileRegex("/a|/b").matches("/ax"));
	assert.ok(compileRegex("/a|/b").matches("/b"));
	assert.ok(!compileRegex("/a[0-9]|/b").matches("x/b"));
});

test("what RE2 refuses is refused, also when a group around it would make it valid", () => {
	for (const pattern of ["a(?=b)", "(", "a)|(b", "\\1", "[z-a]", "((a{1000}){10}){10}"])
		assert.throws(() => compileRegex(pattern), RegexSyntaxError, pattern);
});

test("a rewrite replaces every match with groups, as RE2 does", () => {
	const rewrite = (pattern: string, substitution: string, value: string) =>
		compileRegexRewrite(pattern, substitution).apply(value);
	assert.equal(rewrite("^/service/([^/]+)(/.*)$", "\\2/instance/\\1", "/service/foo/v1/api"), "/v1/api/instance/foo");
	assert.equal(rewrite("one", "two", "/xxx/one/yyy/one/zzz"), "/xxx/two/yyy/two/zzz");
	assert.equal(rewrite("^(.*?)one(.*)$", "\\1two\\2", "/xxx/one/yyy/one/zzz"), "/xxx/two/yyy/one/zzz");
	assert.equal(rewrite("(?i)/xxx/", "/yyy/", "/aaa/XxX/bbb"), "/aaa/yyy/bbb");
	assert.equal(rewrite("a*", "-", "baac"), "-b-c-");
	assert.equal(rewrite("^", "x", "ab"), "xab");
	assert.equal(rewrite("a", "\\\\\\0", "ba"), "b\\a");
	assert.throws(() => compileRegexRewrite("a", "\\1"), RegexSyntaxError);
	assert.throws(() => compileRegexRewrite("a", "\\x"), RegexSyntaxError);
});
