import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Container, Pod } from "../client/pod.ts";
import { ImageError, type LaunchPlan } from "./container-runner.ts";
import { expandVariables } from "./expand-variables.ts";
import { containerArgv, resolveContainer } from "./images.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import { launchEnvironment } from "./launch-environment.ts";
import { createMountMap } from "./mount-map.ts";
import type { PodNetwork } from "./pod-network.ts";
import { mountsOf } from "./volumes.ts";

/** Where a pod lives on this machine. */
export interface PodPlace {
	readonly pod: Pod;
	readonly network: PodNetwork;
	/** Volume name → folder. */
	readonly folders: ReadonlyMap<string, string>;
	/** The pod's own folder. */
	readonly dir: string;
}

/** Decides what a container of the pod runs and with what environment. Throws ImageError or ConfigError with the sentence for the user. */
export async function planLaunch(context: KubeletContext, place: PodPlace, container: Container): Promise<LaunchPlan> {
	const resolution = resolveContainer(place.pod, container, context.findProgram);
	if ("refusal" in resolution) throw new ImageError(resolution.refusal);
	const { runnable } = resolution;
	const { namespace = "" } = place.pod.metadata;
	const mounts = createMountMap(mountsOf(container, place.folders));
	const env = launchEnvironment({
		pod: place.pod,
		container,
		network: place.network,
		imageEnv: runnable.env,
		mounts,
		services: context.services(),
		configMap: (name) => context.sources.configMap(name, namespace),
		secret: (name) => context.sources.secret(name, namespace),
		node: context.nodeEnvironment,
	});
	const home = join(place.dir, "containers", container.name);
	await mkdir(join(home, "tmp"), { recursive: true });
	env.set("HOME", env.get("HOME") ?? home);
	env.set("TMPDIR", env.get("TMPDIR") ?? join(home, "tmp"));
	const wanted = container.workingDir && mounts.realPath(container.workingDir);
	return {
		argv: containerArgv(runnable, (word) => mounts.rewrite(expandVariables(word, env))),
		env: Object.fromEntries(env),
		workingDir: wanted ?? runnable.workingDir ?? home,
		imageId: runnable.imageId,
	};
}
