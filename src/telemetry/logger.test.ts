import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogging, parseLogLevel } from "./logger.ts";

test("each component has its own level, changed while it runs", () => {
	const lines: string[] = [];
	const logging = createLogging({ level: "warning", destination: { write: (line) => void lines.push(line) } });
	const router = logging.component("router");
	router.info({}, "unheard");
	router.warn({ cluster: "a" }, "heard");
	assert.equal(logging.setLevel("router", "debug"), true);
	assert.equal(logging.setLevel("nobody", "debug"), false);
	router.debug({}, "heard too");
	logging.component("pool").info({}, "unheard");
	const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
	assert.deepEqual(
		parsed.map((l) => [l.level, l.component, l.msg]),
		[
			["warn", "router", "heard"],
			["debug", "router", "heard too"],
		],
	);
	assert.deepEqual(logging.levels(), { pool: "warning", router: "debug" });
	logging.setLevel(undefined, "off");
	assert.deepEqual(logging.levels(), { pool: "off", router: "off" });
	assert.equal(parseLogLevel("warn"), "warning");
	assert.equal(parseLogLevel("loud"), undefined);
});
