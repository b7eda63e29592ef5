import { crdOfKind } from "../crd/crd-of-kind.ts";
import type { KubeObject } from "../object.ts";
import { istioKinds } from "./istio-kinds.ts";

/** CustomResourceDefinitions of all Istio kinds, freshly made. */
export function istioCrds(): KubeObject[] {
	return istioKinds.map((kind) => ({ ...crdOfKind(kind) }));
}
