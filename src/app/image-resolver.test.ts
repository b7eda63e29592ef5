import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createLogging } from "../telemetry/logger.ts";
import { createImageResolver } from "./image-resolver.ts";
import { followImages } from "./images-file.ts";
import { EMPTY_LATEEN_YAML } from "./lateen-yaml.ts";

test("the image map is followed; while it is broken, an image that is not in the last good one is refused with the reason", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "lateen-images-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const file = join(folder, "lateen.yaml");
	let epochSeconds = 1_000_000;
	const write = (text: string) => {
		writeFileSync(file, text);
		utimesSync(file, ++epochSeconds, epochSeconds);
	};
	const log = createLogging({ level: "off" }).component("test");
	const images = followImages(file, EMPTY_LATEEN_YAML, log);
	const find = createImageResolver({ images, discoveryAddress: "127.0.0.1:15010" });
	assert.equal(find("shop/cart:1"), undefined);
	write("images: { shop/cart: { command: [node, cart.js] } }");
	assert.deepEqual(find("shop/cart:1"), {
		name: "shop/cart:1",
		argv: ["node", "cart.js"],
		env: {},
		workingDir: undefined,
	});
	write("images: { shop/cart: { command: [node, cart.js] }, shop/new: { comand: [node] } }");
	assert.ok("argv" in find("shop/cart:1")!);
	const refused = find("shop/new:1")!;
	assert.match("refusal" in refused ? refused.refusal : "", /"shop\/new:1" .*LTN6032 .*images\[shop\/new\]\.comand/s);
});
