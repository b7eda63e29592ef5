import { statSync } from "node:fs";
import { resolve } from "node:path";
import { ProblemError } from "../lib/problem.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type ImageEntry, type LateenYaml, readLateenYaml } from "./lateen-yaml.ts";

/** The user's image map at one moment. */
export interface ImageMap {
	readonly images: ReadonlyMap<string, ImageEntry>;
	/** Why the file as it is now cannot be used; the images are those of the last good one. */
	readonly broken: string | undefined;
}

/**
 * The image map as it is in `lateen.yaml` now: an image that is mapped while the mesh runs is found at the container's next try. As long as
 * the file is broken the last good map holds, with the reason.
 */
export function followImages(path: string | undefined, first: LateenYaml, log: Logger): () => ImageMap {
	const file = path ?? resolve("lateen.yaml");
	let seen = modifiedMs(file);
	let current: ImageMap = { images: first.images, broken: undefined };
	return () => {
		const now = modifiedMs(file);
		if (now === seen) return current;
		seen = now;
		try {
			const { images } = readLateenYaml(path);
			current = { images, broken: undefined };
			log.info({ file, images: images.size }, "the image map was read again");
		} catch (error) {
			if (!(error instanceof ProblemError)) throw error;
			current = { ...current, broken: error.message };
			log.error({ err: error }, "lateen.yaml is broken, the image map stays as it was");
		}
		return current;
	};
}

/** 0: there is no such file. */
function modifiedMs(file: string): number {
	return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
