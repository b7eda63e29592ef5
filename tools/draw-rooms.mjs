// Writes the picture of who may import whom into docs/map.md from the table in rooms.mjs; with --check it only says whether it is current.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PURE_ROOMS, ROOMS } from "./rooms.mjs";

const page = join(import.meta.dirname, "..", "docs", "map.md");
const BEGIN = "<!-- rooms: made by tools/draw-rooms.mjs -->";
const END = "<!-- /rooms -->";

const everywhere = new Set(["lib", "telemetry"]);
const rows = Object.entries(ROOMS).map(([room, imports]) => {
	const named =
		imports === null
			? "every room but cli"
			: imports
					.filter((other) => !everywhere.has(other))
					.map((r) => `\`${r}\``)
					.join(", ");
	const ground = imports === null ? "" : imports.filter((other) => everywhere.has(other)).join(", ");
	return `| [${room}](../src/${room}/) | ${named || "–"} | ${ground || "–"} | ${PURE_ROOMS.includes(room) ? "pure" : ""} |`;
});
const picture = [BEGIN, "| room | may import | ground | |", "| --- | --- | --- | --- |", ...rows, END].join("\n");

const before = readFileSync(page, "utf8");
const after = `${before.slice(0, before.indexOf(BEGIN))}${picture}${before.slice(before.indexOf(END) + END.length)}`;
if (process.argv.includes("--check")) {
	if (after !== before) {
		process.stderr.write("docs/map.md does not show the rooms as tools/rooms.mjs has them: run `npm run rooms`.\n");
		process.exit(1);
	}
} else writeFileSync(page, after);
