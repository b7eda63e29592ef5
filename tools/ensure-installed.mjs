// Installs the locked packages when they are not there, or older than the lock file. No dependencies, runs on any Node since 18.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const installed = join(root, "node_modules", ".package-lock.json");
const lock = join(root, "package-lock.json");

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
	process.stderr.write("Installing packages (once, about half a minute)...\n");
	const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
	const { status, error } = spawnSync("npm", args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
	if (error || status !== 0) {
		process.stderr.write(`LTN6004 npm ci failed${error ? `: ${error.message}` : ""}. Run \`npm ci\` to see why.\n`);
		process.exit(status || 1);
	}
}
