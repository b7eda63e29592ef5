import { join } from "node:path";
import { parseImageReference, resolveBuiltin } from "../apps/catalogue.ts";
import type { FindProgram, ImageProgram } from "../kube/kubelet/images.ts";
import { PROXY_IMAGE } from "../lib/names.ts";
import type { ImageEntry } from "./lateen-yaml.ts";
import { packageRoot } from "./package-root.ts";

/** Repositories that mean Lateen's proxy: its own image, and Istio's, which manifests may name. */
const PROXY_REPOSITORIES = new Set([
	parseImageReference(PROXY_IMAGE).repository,
	"docker.io/istio/proxyv2",
	"registry.istio.io/release/proxyv2",
]);

/** What images mean on this machine: the user's map first, then the proxy, then the built-in samples. */
export function createImageResolver(images: ReadonlyMap<string, ImageEntry>): FindProgram {
	return (image) => {
		const { repository } = parseImageReference(image);
		const mapped = images.get(image) ?? images.get(image.replace(/:[^/:]*$/, "")) ?? images.get(repository);
		if (mapped) return { name: image, argv: mapped.command, env: mapped.env, workingDir: mapped.workingDir };
		return PROXY_REPOSITORIES.has(repository) ? proxyProgram() : builtinProgram(image);
	};
}

function proxyProgram(): ImageProgram {
	return { name: "proxy", argv: [process.execPath, join(packageRoot(), "dist", "lateen.mjs"), "sidecar"], env: {} };
}

function builtinProgram(image: string): ImageProgram | undefined {
	const program = resolveBuiltin(image);
	if (!program) return undefined;
	return {
		name: program.name,
		argv: [process.execPath, join(packageRoot(), "dist", "apps.mjs"), ...program.args],
		env: program.env,
		isLaunchLine: (command) => program.launchLines.some((line) => line.every((word, i) => command[i] === word)),
	};
}
