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
	// `npm ci` wants the entries of every platform's optional binaries, which a registry mirror may lack; `install` takes the locked versions
	// of what is there and leaves the lock file alone.
	if (!npm(["ci"]) && !npm(["install", "--no-save"], "inherit")) {
		process.stderr.write("LTN6004 the packages cannot be installed. Run `npm install` to see why.\n");
		process.exit(1);
	}
}

function npm(args, errors = "ignore") {
	const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
	const { status } = spawnSync("npm", [...args, ...quiet], { cwd: root, stdio: ["ignore", "ignore", errors] });
	return status === 0;
}
