import { stringify } from "yaml";
import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { SYSTEM_NAMESPACE } from "../lib/names.ts";

const NAME = "istio";
/** The settings of lateen.yaml that the ConfigMap was last written from. */
const WRITTEN_FROM = "lateen.dev/mesh-settings";

interface ConfigMap extends KubeObject {
	data?: Record<string, string>;
}

/** ConfigMap `istio-system/istio`, where the control plane reads the mesh's settings. */
export function meshSettingsObject(settings: Readonly<Record<string, unknown>>): ConfigMap {
	return {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: NAME, namespace: SYSTEM_NAMESPACE, annotations: { [WRITTEN_FROM]: JSON.stringify(settings) } },
		data: { mesh: stringify({ accessLogFile: "/dev/stdout", ...settings }) },
	};
}

/**
 * Writes the ConfigMap anew when lateen.yaml says something else than when it was written; otherwise it stays as the user may have
 * changed it with kubectl. Answers whether it was written.
 */
export async function renewMeshSettings(
	client: KubeClient,
	settings: Readonly<Record<string, unknown>>,
): Promise<boolean> {
	const wanted = meshSettingsObject(settings);
	const current = await client.get<ConfigMap>(RESOURCES.configMaps, NAME, SYSTEM_NAMESPACE);
	if (current.metadata.annotations?.[WRITTEN_FROM] === wanted.metadata.annotations?.[WRITTEN_FROM]) return false;
	const { annotations } = wanted.metadata;
	await client.patch(
		RESOURCES.configMaps,
		NAME,
		{ metadata: { annotations }, data: wanted.data },
		{ namespace: SYSTEM_NAMESPACE },
	);
	return true;
}
