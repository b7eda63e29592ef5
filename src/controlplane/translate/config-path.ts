import type { ConfigMeta } from "../model/config-object.ts";

/** `/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews`: the rule behind a resource. */
export function configPath({ apiVersion, namespace, kind, name }: ConfigMeta): string {
	const kebab = kind.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
	return `/apis/${apiVersion}/namespaces/${namespace}/${kebab}/${name}`;
}
