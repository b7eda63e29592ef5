import { ADDRESSES_PER_RANGE } from "../../lib/address-plan.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Service } from "../client/service.ts";
import { type Controller, type ControllerContext, contextQueue, contextRecorder } from "./controller-context.ts";
import { formatKey, parseKey } from "./object-key.ts";

/** Gives each Service of type LoadBalancer an address of the plan's range, keeps it as long as the Service has that type. */
export function startServiceAddressController(context: ControllerContext): Controller {
	const { client, informers, addressPlan } = context;
	const recorder = contextRecorder(context, "service-controller");
	// Addresses of Services whose status the informer has not shown yet.
	const promised = new Map<string, string>();

	const freeAddress = (service: Service): string => {
		const others = informers.services.list().filter((other) => other.metadata.uid !== service.metadata.uid);
		const taken = new Set([...others.flatMap(addressesOf), ...promised.values()]);
		const wanted = service.spec.loadBalancerIP;
		if (wanted && isInRange(context, wanted) && !taken.has(wanted)) return wanted;
		for (let index = 0; index < ADDRESSES_PER_RANGE; index++) {
			const ip = addressPlan.loadBalancerIp(index);
			if (!taken.has(ip)) return ip;
		}
		throw new Error("every LoadBalancer address of this mesh is in use");
	};
	// One at a time: two Services must not be promised the same address.
	const reconcile = async (key: string) => {
		const { name, namespace } = parseKey(key);
		const service = informers.services.get(name, namespace);
		if (!service) return void promised.delete(key);
		const present = addressesOf(service);
		if (!wantsAddress(service)) {
			promised.delete(key);
			if (present.length > 0 && service.spec.loadBalancerClass === undefined)
				await client.updateStatus(RESOURCES.services, { ...service, status: { ...service.status, loadBalancer: {} } });
			return;
		}
		if (present.some((ip) => isInRange(context, ip))) return void promised.delete(key);
		const ip = promised.get(key) ?? freeAddress(service);
		promised.set(key, ip);
		const loadBalancer = { ingress: [{ ip, ipMode: "VIP" }] };
		await client.updateStatus(RESOURCES.services, { ...service, status: { ...service.status, loadBalancer } });
		const wanted = service.spec.loadBalancerIP;
		if (wanted && wanted !== ip) {
			const message = `${wanted} is not free or not one of this mesh's LoadBalancer addresses; ${ip} is used instead`;
			recorder.record(service, { type: "Warning", reason: "LoadBalancerIPNotUsed", message });
		}
		recorder.record(service, {
			type: "Normal",
			reason: "EnsuredLoadBalancer",
			message: `Ensured load balancer at ${ip}`,
		});
	};
	const queue = contextQueue(context, "service-address", reconcile, 1);
	informers.services.onChange(({ object }) => queue.add(formatKey(object)));
	return { stop: () => queue.stop() };
}

/** A Service with a loadBalancerClass is another implementation's. */
function wantsAddress(service: Service): boolean {
	const { type, loadBalancerClass } = service.spec;
	const isLeaving = service.metadata.deletionTimestamp !== undefined;
	return type === "LoadBalancer" && loadBalancerClass === undefined && !isLeaving;
}

function addressesOf(service: Service): string[] {
	return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

function isInRange({ addressPlan }: ControllerContext, ip: string): boolean {
	return addressPlan.contains(ip) && Number(ip.split(".")[2]) >= 192;
}
