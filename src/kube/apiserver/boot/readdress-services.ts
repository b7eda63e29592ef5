import type { KubeObject } from "../../../kinds/object.ts";
import type { AddressPlan } from "../../../lib/address-plan.ts";
import type { Store } from "../store/store.ts";

const SERVICES = "core/services";

interface ServiceSpec {
	clusterIP?: string;
	clusterIPs?: string[];
	[field: string]: unknown;
}

/**
 * A folder may come back in another address block (its own is taken by another mesh meanwhile): Services keep their place in the range,
 * in the new block. Everything else that names addresses is derived from them and from the pods, and is made anew by its controllers.
 */
export async function readdressServices(store: Store, plan: AddressPlan): Promise<void> {
	const moved = store.list(SERVICES).flatMap((stored) => {
		const object = inBlock(stored.object, plan);
		return object ? [store.put(stored.key, object, stored.revision)] : [];
	});
	await Promise.all(moved);
}

/** Undefined: nothing to change. */
function inBlock(service: KubeObject, plan: AddressPlan): KubeObject | undefined {
	const spec = (service.spec ?? {}) as ServiceSpec;
	const ip = spec.clusterIP;
	if (!ip?.startsWith("127.") || plan.contains(ip)) return undefined;
	const clusterIP = ip.replace(/^127\.\d+\./, `127.${plan.block}.`);
	return { ...service, spec: { ...spec, clusterIP, clusterIPs: [clusterIP] } };
}
