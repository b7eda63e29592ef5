import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { problem } from "../lib/problem.ts";
import { CommandError } from "./exit-codes.ts";
import { translationFindings } from "./translation-problems.ts";

test("problems about rules become findings, a control plane that does not answer is told", async () => {
	const translation = [
		problem("LTN3725", "VirtualService/default/reviews spec.http[0]", "the rule is left out"),
		problem("LTN3726", "DestinationRule/other/r", "the policy is left out"),
		problem("LTN3724", "Service a port 80", "HTTP/1.1 is used"),
	];
	const server = createServer((_, res) => res.end(JSON.stringify({ objects: [], translation })));
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const found = await translationFindings(url);
	assert.deepEqual(
		found.map(({ code, resource, text }) => `${code} ${resource.kind} ${resource.namespace}/${resource.name}: ${text}`),
		[
			"LTN3725 VirtualService default/reviews: spec.http[0]: the rule is left out",
			"LTN3726 DestinationRule other/r: the policy is left out",
		],
	);
	server.close();
	server.closeAllConnections();
	await assert.rejects(translationFindings(url), CommandError);
});
