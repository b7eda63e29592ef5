import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Pinned Go modules that the data comes from; checksums are those of go.sum (h1, whole module). */
export const MODULES = {
	kubernetes: { path: "k8s.io/kubernetes", version: "v1.32.0" },
	api: { path: "k8s.io/api", version: "v0.32.0" },
	apimachinery: { path: "k8s.io/apimachinery", version: "v0.32.0" },
} as const;

/** Group-versions that the embedded API server serves or decodes; `""` is the core group. */
export const SERVED: readonly (readonly [group: string, version: string])[] = [
	["", "v1"],
	["apps", "v1"],
	["batch", "v1"],
	["autoscaling", "v2"],
	["autoscaling", "v1"],
	["networking.k8s.io", "v1"],
	["discovery.k8s.io", "v1"],
	["events.k8s.io", "v1"],
	["coordination.k8s.io", "v1"],
	["policy", "v1"],
	["rbac.authorization.k8s.io", "v1"],
	["storage.k8s.io", "v1"],
	["scheduling.k8s.io", "v1"],
	["node.k8s.io", "v1"],
	["certificates.k8s.io", "v1"],
	["admissionregistration.k8s.io", "v1"],
	["apiextensions.k8s.io", "v1"],
	["apiregistration.k8s.io", "v1"],
	["authentication.k8s.io", "v1"],
	["authorization.k8s.io", "v1"],
];

/** Folder of a pinned module in Go's module cache. */
export function moduleFolder(module: { path: string; version: string }): string {
	const cache = execFileSync("go", ["env", "GOMODCACHE"], { encoding: "utf8" }).trim();
	const folder = join(cache, `${module.path}@${module.version}`);
	if (!existsSync(folder))
		throw new Error(`${folder} is missing: run "go mod download ${module.path}@${module.version}" first`);
	return folder;
}

const digests: Record<string, string> = {};

/** Reads a source file and remembers its digest for the manifest. */
export function readSource(module: keyof typeof MODULES, file: string): string {
	const text = readFileSync(join(moduleFolder(MODULES[module]), file), "utf8");
	digests[`${MODULES[module].path}@${MODULES[module].version}/${file}`] = createHash("sha256")
		.update(text)
		.digest("hex");
	return text;
}

/** SHA-256 of every file read so far. */
export function sourceDigests(): Readonly<Record<string, string>> {
	return Object.fromEntries(Object.entries(digests).sort(([a], [b]) => (a < b ? -1 : 1)));
}
