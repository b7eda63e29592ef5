import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Logger } from "../telemetry/logger.ts";
import { type ImageEntry, type LateenYaml, readLateenYaml } from "./lateen-yaml.ts";

/**
 * The image map as it is in `lateen.yaml` now: an image that is mapped while the mesh runs is found at the container's next try. As long as
 * the file is broken the last good map holds, and the log says why.
 */
export function followImages(
	path: string | undefined,
	first: LateenYaml,
	log: Logger,
): () => ReadonlyMap<string, ImageEntry> {
	const file = path ?? resolve("lateen.yaml");
	let seen = modifiedMs(file);
	let { images } = first;
	return () => {
		const now = modifiedMs(file);
		if (now === seen) return images;
		seen = now;
		try {
			({ images } = readLateenYaml(path));
			log.info({ file, images: images.size }, "the image map was read again");
		} catch (error) {
			log.error({ err: error }, "lateen.yaml is broken, the image map stays as it was");
		}
		return images;
	};
}

/** 0: there is no such file. */
function modifiedMs(file: string): number {
	return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
