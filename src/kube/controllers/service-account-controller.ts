import type { KubeObject } from "../../kinds/object.ts";
import { KubeApiError, type KubeClient, type ResourceRef } from "../client/kube-client.ts";
import { RESOURCES } from "../client/resources.ts";
import { type Controller, type ControllerContext, contextQueue } from "./controller-context.ts";
import { formatKey } from "./object-key.ts";

const ACCOUNT = "default";
const ROOT_CA = "kube-root-ca.crt";

/** Gives every namespace its ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`, again when they are deleted. */
export function startServiceAccountController(context: ControllerContext): Controller {
	const { client, informers, caPem } = context;
	const queue = contextQueue(context, "service-account", async (namespace) => {
		const object = informers.namespaces.get(namespace);
		if (!object || object.metadata.deletionTimestamp !== undefined) return;
		if (!informers.serviceAccounts.get(ACCOUNT, namespace)) {
			const metadata = { name: ACCOUNT, namespace };
			await createIfMissing(client, RESOURCES.serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata });
		}
		if (caPem === undefined) return;
		const data = { "ca.crt": caPem };
		const bundle = informers.configMaps.get(ROOT_CA, namespace);
		const metadata = {
			name: ROOT_CA,
			namespace,
			annotations: {
				"kubernetes.io/description":
					"The certificate authority of the Kubernetes API server, for clients inside the cluster.",
			},
		};
		if (!bundle)
			await createIfMissing(client, RESOURCES.configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data });
		else if (bundle.data?.["ca.crt"] !== caPem)
			await client.patch(RESOURCES.configMaps, ROOT_CA, { data }, { namespace });
	});
	informers.namespaces.onChange(({ object }) => queue.add(formatKey(object)));
	for (const informer of [informers.serviceAccounts, informers.configMaps])
		informer.onChange(({ object: { metadata } }) => {
			if (metadata.name === ACCOUNT || metadata.name === ROOT_CA) queue.add(metadata.namespace ?? "");
		});
	return { stop: () => queue.stop() };
}

async function createIfMissing(client: KubeClient, ref: ResourceRef, object: KubeObject): Promise<void> {
	try {
		await client.create(ref, object);
	} catch (error) {
		// Made by someone else, or the namespace began to end: both are what is wanted.
		if (error instanceof KubeApiError && (error.reason === "AlreadyExists" || error.code === 403 || error.code === 404))
			return;
		throw error;
	}
}
