// The table of problem codes, docs/reference/problem-codes.md, made from the places that use them; with --check it says whether the page is current
// and whether a code means two things (stands in two rooms).
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOMS } from "./rooms.mjs";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs/reference/problem-codes.md");

/** Codes → room → where. */
const uses = new Map();
for (const file of readdirSync(join(root, "src"), { recursive: true }).map(String)) {
	if (!/\.tsx?$/.test(file) || /\.test\.ts$|generated|testing\/|fixture/.test(file)) continue;
	const text = readFileSync(join(root, "src", file), "utf8");
	for (const match of text.matchAll(/(?<![!=]== )"(LTN\d{4})"/g)) {
		const room = roomOf(file);
		const line = text.slice(0, match.index).split("\n").length;
		const rooms = uses.get(match[1]) ?? new Map();
		rooms.set(room, [...(rooms.get(room) ?? []), `${file}:${line}`]);
		uses.set(match[1], rooms);
	}
}

const GROUPS = {
	1: "Kinds and mesh configuration",
	2: "API server",
	3: "xDS and proxy configuration",
	4: "Command line",
	5: "Identity",
	6: "Start-up",
};

const codes = [...uses.keys()].sort();
const sections = Object.entries(GROUPS).flatMap(([digit, title]) => {
	const own = codes.filter((code) => code[3] === digit);
	if (own.length === 0) return [];
	const rows = own.map((code) => {
		const [[room, places]] = uses.get(code);
		return `| ${code} | ${room} | ${[...new Set(places.map((place) => place.replace(/:\d+$/, "")))].map((f) => `[${f.split("/").at(-1)}](../../src/${f})`).join(", ")} |`;
	});
	return [`## ${title}`, "", "| code | room | told by |", "| --- | --- | --- |", ...rows, ""];
});
const text = `# Problem codes

Made by \`npm run codes\` from the sources. A code stands for one meaning and is never used again for another; what it says is at the place that tells it.

${sections.join("\n")}`;

if (!process.argv.includes("--check")) writeFileSync(page, text);
else {
	const double = codes.filter((code) => uses.get(code).size > 1);
	for (const code of double) {
		const where = [...uses.get(code)].map(([room, places]) => `${room} (${places.join(", ")})`).join(" and ");
		process.stderr.write(`${code} stands for two things: ${where}\n`);
	}
	const stale = readFileSync(page, "utf8") !== text;
	if (stale) process.stderr.write("docs/reference/problem-codes.md is not current: run `npm run codes`.\n");
	if (double.length > 0 || stale) process.exit(1);
}

function roomOf(file) {
	const found = Object.keys(ROOMS)
		.filter((room) => file.startsWith(`${room}/`))
		.sort((a, b) => b.length - a.length)[0];
	if (!found) throw new Error(`${file} lives in no room`);
	return found;
}
