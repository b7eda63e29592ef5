// Reporter for node --test: at the end it names the failed tests, says why each skipped test was skipped, and gives the totals. With
// LATEEN_TEST_TOTALS set it also appends them to that file, so that several runs can be summed up.

import { appendFileSync } from "node:fs";
import { relative } from "node:path";

export default async function* testTotals(source) {
	let passed = 0;
	const failures = [];
	const skips = [];
	for await (const { type, data } of source) {
		if (type !== "test:pass" && type !== "test:fail") continue;
		const isSuite = data.details?.type === "suite";
		if (type === "test:fail") {
			// A parent that fails because of its children is told by them; a suite fails by itself when a hook does.
			if (data.details?.error?.failureType !== "subtestsFailed") failures.push(data);
		} else if (isSuite) continue;
		else if (isSkipped(data)) skips.push(data);
		else passed++;
	}
	for (const data of failures) yield `FAILED ${place(data)}: ${firstLine(data.details?.error?.message)}\n`;
	for (const data of skips) yield `SKIPPED ${place(data)}: ${reason(data)}\n`;
	yield `${passed} passed, ${failures.length} failed, ${skips.length} skipped\n`;
	if (process.env.LATEEN_TEST_TOTALS)
		appendFileSync(process.env.LATEEN_TEST_TOTALS, `${passed} ${failures.length} ${skips.length}\n`);
}

function isSkipped({ skip, todo }) {
	return skip !== undefined || todo !== undefined;
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
