// Runs the test suites one after the other: node tools/run-tests.mjs [unit] [fuzz] [protocol] [envoy] [faults] [traffic] [e2e] [--only [TEXT...]], all of them when none is named; with
// --only those files whose path contains one of the texts. A suite that fails does not stop the next one. The last line is the sum: `N passed, N failed, N skipped`;
// the exit code is 1 unless nothing failed.

import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

const SUITES = {
	unit: { files: ["src/**/*.test.ts", "test/golden/**/*.test.ts", "test/xds/**/*.test.ts"], timeoutMs: 180_000 },
	// Suites and peers that others wrote; what is not on this machine is reported as skipped.
	// Mutated bytes for every codec, a second each; `npm run fuzz` takes half an hour.
	fuzz: { files: ["test/fuzz/**/*.test.ts"], timeoutMs: 60_000 },
	protocol: { files: ["test/protocol/**/*.test.ts"], timeoutMs: 300_000 },
	// A scene waits more than it works: two at a time.
	envoy: { files: ["test/envoy/**/*.test.ts"], timeoutMs: 300_000, options: ["--test-concurrency=2"] },
	// Against a real kube-apiserver, where one has been built (tools/oracle); reported as skipped elsewhere.
	oracle: { files: ["test/oracle/**/*.test.ts"], timeoutMs: 300_000 },
	// Killed processes, full disks: each file has meshes of its own, and looks at what is left behind.
	faults: { files: ["test/faults/**/*.test.ts"], timeoutMs: 300_000, options: ["--test-concurrency=1"] },
	// Scenarios of Istio's users on one mesh with the project's own workloads.
	traffic: { files: ["test/traffic/**/*.test.ts"], timeoutMs: 300_000 },
	// One file at a time: each has a mesh of its own, and their shares and times are measured.
	e2e: { files: ["test/e2e/**/*.test.ts"], timeoutMs: 600_000, options: ["--test-concurrency=1"] },
};

const [names, only] = splitAt(process.argv.slice(2), "--only");
const unknown = names.filter((name) => !Object.hasOwn(SUITES, name));
if (unknown.length > 0) {
	process.stderr.write(`no suite "${unknown[0]}"; there are: ${Object.keys(SUITES).join(", ")}\n`);
	process.exit(64);
}

/** A test file that does not end would keep its suite for ever: what takes so long has failed. */
const SUITE_MS = 20 * 60_000;
const folder = mkdtempSync(join(tmpdir(), "lateen-tests-"));
const sum = [0, 0, 0];
try {
	for (const name of names.length > 0 ? names : Object.keys(SUITES)) {
		const totals = runSuite(name);
		totals.forEach((count, i) => {
			sum[i] += count;
		});
	}
} finally {
	rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`\n${sum[0]} passed, ${sum[1]} failed, ${sum[2]} skipped\n`);
process.exitCode = sum[1] === 0 ? 0 : 1;

/** Passed, failed and skipped of one suite; a runner that dies without a report counts as one failure. */
function runSuite(name) {
	const { files, timeoutMs, options = [] } = SUITES[name];
	const report = join(folder, name);
	process.stdout.write(`\n--- ${name} tests\n`);
	const reporters = ["spec", "./tools/test-totals.mjs"].flatMap((reporter) => [
		`--test-reporter=${reporter}`,
		"--test-reporter-destination=stdout",
	]);
	const { status, error } = spawnSync(
		process.execPath,
		["--test", `--test-timeout=${timeoutMs}`, ...options, ...reporters, ...chosen(files)],
		{
			cwd: root,
			timeout: SUITE_MS,
			killSignal: "SIGKILL",
			stdio: ["ignore", "inherit", "inherit"],
			env: { ...process.env, LATEEN_TEST_TOTALS: report },
		},
	);
	if (error && error.code !== "ETIMEDOUT") throw error;
	const totals = readTotals(report);
	return totals[1] === 0 && status !== 0 ? [totals[0], 1, totals[2]] : totals;
}

function splitAt(words, mark) {
	const at = words.indexOf(mark);
	return at < 0 ? [words, []] : [words.slice(0, at), words.slice(at + 1)];
}

function chosen(files) {
	if (only.length === 0) return files;
	const found = globSync(files, { cwd: root }).filter((file) => only.some((text) => file.includes(text)));
	if (found.length > 0) return found;
	process.stderr.write(`no test file's path contains ${only.join(" or ")}\n`);
	process.exit(64);
}

function readTotals(report) {
	try {
		return readFileSync(report, "utf8").trim().split(" ").map(Number);
	} catch (error) {
		if (error.code === "ENOENT") return [0, 0, 0];
		throw error;
	}
}
