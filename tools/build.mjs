// Bundles the processes into dist/ (about 0.3 s). Output goes to a folder of its own first and is moved in file by file, so that a
// running process or a second build never sees half of it.
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const target = join(root, "dist");
const fresh = join(root, `.dist-${process.pid}`);
const startedAt = new Date();

const require =
	'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

try {
	await build({
		absWorkingDir: root,
		entryPoints: [
			{ in: "src/cli/main.ts", out: "lateen" },
			{ in: "src/app/mesh-main.ts", out: "mesh" },
			{ in: "src/app/netproxy-main.ts", out: "netproxy" },
			{ in: "src/apps/main.mjs", out: "apps" },
			{ in: "src/app/proxy-worker-main.ts", out: "proxy-worker" },
		],
		outdir: fresh,
		outExtension: { ".js": ".mjs" },
		bundle: true,
		splitting: true,
		chunkNames: "chunks/[name]-[hash]",
		format: "esm",
		platform: "node",
		target: "node22.18",
		external: ["classic-level"],
		banner: { js: require },
		loader: { ".json": "json" },
		legalComments: "none",
		logLevel: "warning",
	});
	await build({
		absWorkingDir: root,
		entryPoints: ["src/console/web/main.tsx"],
		outdir: join(fresh, "console"),
		bundle: true,
		minify: true,
		jsx: "automatic",
		format: "esm",
		target: "es2022",
		define: { "process.env.NODE_ENV": '"production"' },
		logLevel: "warning",
	});
	copyFileSync(join(root, "src/console/web/page.html"), join(fresh, "console/page.html"));
} catch {
	rmSync(fresh, { recursive: true, force: true });
	process.exit(1);
}
moveInto(fresh, target);
rmSync(fresh, { recursive: true, force: true });
pruneChunks();
writeFileSync(join(target, ".built"), `${startedAt.toISOString()}\n`);
utimesSync(join(target, ".built"), startedAt, startedAt);

/** File by file: chunks are named by content, so processes that run from the build before keep what they may still load. */
function moveInto(from, to) {
	mkdirSync(to, { recursive: true });
	const entries = readdirSync(from, { withFileTypes: true });
	// Chunks first: an entry must never name one that is not there yet.
	for (const entry of entries.sort((a, b) => Number(b.isDirectory()) - Number(a.isDirectory()))) {
		if (entry.isDirectory()) moveInto(join(from, entry.name), join(to, entry.name));
		else renameSync(join(from, entry.name), join(to, entry.name));
	}
}

function pruneChunks() {
	const folder = join(target, "chunks");
	const dayAgoMs = startedAt.getTime() - 86_400_000;
	for (const name of readdirSync(folder)) {
		const path = join(folder, name);
		if (statSync(path).mtimeMs < dayAgoMs) rmSync(path, { force: true });
	}
}
