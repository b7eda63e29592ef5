// Reporter for node --test: at the end it names the failed tests, says why each skipped test was skipped, and gives the totals. With
// LATEEN_TEST_TOTALS set it also appends them to that file, so that several runs can be summed up. Cases of the differential suite
// (test/envoy) are also counted by themselves.

import { appendFileSync } from "node:fs";
import { relative } from "node:path";

export default async function* testTotals(source) {
	let passed = 0;
	let cases = 0;
	const failures = [];
	const skips = [];
	for await (const event of source) {
		const outcome = classify(event);
		if (outcome !== undefined && SCENE.test(event.data.file ?? "")) cases++;
		if (outcome === "passed") passed++;
		else if (outcome === "failed") failures.push(event.data);
		else if (outcome === "skipped") skips.push(event.data);
	}
	for (const data of failures) yield `FAILED ${place(data)}: ${firstLine(data.details?.error?.message)}\n`;
	for (const data of skips) yield `SKIPPED ${place(data)}: ${reason(data)}\n`;
	if (cases > 0) yield `${cases} cases on Envoy and Lateen\n`;
	yield `${passed} passed, ${failures.length} failed, ${skips.length} skipped\n`;
	if (process.env.LATEEN_TEST_TOTALS)
		appendFileSync(process.env.LATEEN_TEST_TOTALS, `${passed} ${failures.length} ${skips.length}\n`);
}

const SCENE = /test\/envoy\/harness\/scene/;

/** What an event counts as; undefined for those that count for nothing. */
function classify({ type, data }) {
	// A parent that fails because of its children is told by them; a suite fails by itself when a hook does.
	if (type === "test:fail") return data.details?.error?.failureType === "subtestsFailed" ? undefined : "failed";
	if (type !== "test:pass" || data.details?.type === "suite") return undefined;
	return data.skip !== undefined || data.todo !== undefined ? "skipped" : "passed";
}

function place({ file, name }) {
	return `${file ? relative(process.cwd(), file) : ""} › ${name}`;
}

function reason({ skip, todo }) {
	const text = skip ?? todo;
	return typeof text === "string" && text !== "" ? text : "no reason given";
}

function firstLine(text = "no message") {
	return String(text).trim().split("\n")[0];
}
