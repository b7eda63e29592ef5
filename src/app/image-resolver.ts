import { join } from "node:path";
import { parseImageReference, resolveBuiltin } from "../apps/catalogue.ts";
import type { FindProgram, ImageProgram } from "../kube/kubelet/images.ts";
import { PROXY_IMAGE } from "../lib/names.ts";
import type { ImageMap } from "./images-file.ts";
import { packageRoot } from "./package-root.ts";

/** Repositories that mean Lateen's proxy: its own image, and Istio's, which manifests may name. */
const PROXY_REPOSITORIES = new Set([
	parseImageReference(PROXY_IMAGE).repository,
	"docker.io/istio/proxyv2",
	"registry.istio.io/release/proxyv2",
]);

/** As `bin/lateen proxy` (the first in megabytes): keep a busy proxy small without collecting garbage too often (docs/benchmarks.md). */
const YOUNG_GENERATION = ["--max-semi-space-size=8", "--no-allocation-site-pretenuring"];

/** What images mean depends on. */
export interface ImageSources {
	/** The user's map as it is now. */
	images(): ImageMap;
	/** `host:port` of this mesh's ADS: pods that were injected when it was another are to find it too. */
	readonly discoveryAddress: string;
}

/** What images mean on this machine: the user's map first, then the proxy, then the built-in samples. */
export function createImageResolver(sources: ImageSources): FindProgram {
	return (image) => {
		const { repository } = parseImageReference(image);
		const { images, broken } = sources.images();
		const mapped = images.get(image) ?? images.get(image.replace(/:[^/:]*$/, "")) ?? images.get(repository);
		if (mapped) return { name: image, argv: mapped.command, env: mapped.env, workingDir: mapped.workingDir };
		const known = PROXY_REPOSITORIES.has(repository) ? proxyProgram(sources) : builtinProgram(image);
		if (known || broken === undefined) return known;
		return { refusal: `image "${image}" is not known here, and lateen.yaml cannot be read: ${broken}` };
	};
}

function proxyProgram({ discoveryAddress }: ImageSources): ImageProgram {
	return {
		name: "proxy",
		argv: [process.execPath, ...YOUNG_GENERATION, join(packageRoot(), "dist", "lateen.mjs"), "sidecar"],
		env: { LATEEN_DISCOVERY_ADDRESS: discoveryAddress },
	};
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
