import { parse, YAMLParseError } from "yaml";
import type { KubeObject } from "../../kinds/object.ts";
import { type Problem, problem } from "../../lib/problem.ts";
import { type MeshConfig, parseMeshConfig } from "../model/mesh-config.ts";
import { MESH_CONFIG_KEY } from "./mesh-resources.ts";

export interface MeshConfigReading {
	readonly config: MeshConfig;
	readonly problems: readonly Problem[];
}

/** The mesh configuration in a ConfigMap over `base`; `before` when its YAML cannot be read. */
export function readMeshConfig(
	configMap: KubeObject | undefined,
	{ base, before }: { readonly base: MeshConfig; readonly before: MeshConfig },
): MeshConfigReading {
	const data = configMap?.data as Readonly<Record<string, unknown>> | undefined;
	const text = data?.[MESH_CONFIG_KEY];
	if (typeof text !== "string") return { config: base, problems: [] };
	try {
		return parseMeshConfig(parse(text) ?? {}, base);
	} catch (error) {
		if (!(error instanceof YAMLParseError)) throw error;
		const where = `data.${MESH_CONFIG_KEY}`;
		const what = `is not YAML: ${error.message.split("\n")[0]}; the settings from before stay`;
		return { config: before, problems: [problem("LTN1503", where, what, "mend the document")] };
	}
}
