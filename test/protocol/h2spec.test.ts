import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { findH2spec, runH2spec } from "../support/h2spec.ts";
import { CodecServer } from "./codec-server.ts";

const h2spec = await findH2spec();

describe("h2spec", { skip: "skip" in h2spec && h2spec.skip }, () => {
	let server: CodecServer;

	before(async () => {
		server = await CodecServer.start();
	});

	after(() => server?.close());

	it("finds nothing wrong with the codec", async () => {
		assert.ok("path" in h2spec);
		const { passed, failed, failures } = await runH2spec(h2spec.path, server.port, ["--strict"]);
		assert.equal(failed, 0, failures);
		assert.ok(passed >= 146, `${passed} passed`);
	});
});
