import { join } from "node:path";
import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { asApplied, createMissing, readShippedManifests } from "./apply-manifests.ts";
import { packageRoot } from "./package-root.ts";

export interface Sample {
	/** Manifests below `samples/`, in the order in which they are applied. */
	readonly manifests: readonly string[];
	readonly namespace: string;
	/** Path at the ingress gateway that shows it. */
	readonly page: { readonly label: string; readonly path: string };
}

/** Samples that `lateen up --sample` knows. */
export const SAMPLES: Readonly<Record<string, Sample>> = {
	bookinfo: {
		manifests: [
			"bookinfo/platform/kube/bookinfo.yaml",
			"bookinfo/networking/bookinfo-gateway.yaml",
			"bookinfo/networking/destination-rule-all.yaml",
		],
		namespace: "default",
		page: { label: "Product page", path: "/productpage" },
	},
};

/** Labels the sample's namespace for injection and creates what is missing; answers how many objects were created. */
export async function deploySample(client: KubeClient, sample: Sample): Promise<number> {
	await client.patch<KubeObject>(RESOURCES.namespaces, sample.namespace, {
		metadata: { labels: { "istio-injection": "enabled" } },
	});
	return createMissing(client, sampleObjects(sample).map(asApplied));
}

/** The objects of the sample's manifests. */
export function sampleObjects(sample: Sample): KubeObject[] {
	return readShippedManifests(sample.manifests.map((path) => join(packageRoot(), "samples", path)));
}
