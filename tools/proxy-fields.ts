// Writes docs/reference/proxy-fields.md, the fields of Envoy's API that the proxy obeys: `npm run fields`; with --check it only compares.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SUPPORTED as BOOTSTRAP } from "../src/proxy/runtime/bootstrap/bootstrap-supported.ts";
import { readingCompilers } from "../src/proxy/runtime/reading-path.ts";
import { xdsRegistry } from "../src/xds/registry.ts";
import { mergeSupported } from "../src/xds/supported.ts";

const path = join(import.meta.dirname, "../docs/reference/proxy-fields.md");
const compilers = readingCompilers();
const text = page(mergeSupported(BOOTSTRAP, compilers.supported));
if (process.argv.includes("--check")) {
	if (readFileSync(path, "utf8") !== text) {
		process.stderr.write("docs/reference/proxy-fields.md is out of date: run npm run fields\n");
		process.exitCode = 1;
	}
} else writeFileSync(path, text);

function page(supported: Readonly<Record<string, readonly string[] | "*">>): string {
	const rows = Object.entries(supported)
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([message, fields]) => `| ${message} | ${fieldsOf(message, fields)} |`);
	return `# Fields of Envoy's API that the proxy obeys

Made by \`npm run fields\` from the rooms' tables. A field that is not here is refused with its path (decision 004). "all": every field there is. Struck through: what of the message is refused.

| message | fields |
| --- | --- |
${rows.join("\n")}
`;
}

function fieldsOf(message: string, fields: readonly string[] | "*"): string {
	const all = xdsRegistry()
		.getMessage(message)
		?.fields.map(({ name }) => name);
	if (!all) return fields === "*" ? "all" : [...new Set(fields)].sort().join(", ");
	const obeyed = new Set(fields === "*" ? all : fields);
	const refused = all.filter((name) => !obeyed.has(name)).sort();
	if (refused.length === 0) return "all";
	return [...all.filter((name) => obeyed.has(name)).sort(), ...refused.map((name) => `~~${name}~~`)].join(", ");
}
