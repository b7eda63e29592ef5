import { isPodReady, isPodTerminal, type Pod } from "../client/pod.ts";
import type { Endpoint, EndpointPort, Service, ServicePort } from "../client/service.ts";

/** Pods of a Service that listen on the same port numbers, and how they stand. */
export interface EndpointGroup {
	readonly ports: readonly EndpointPort[];
	readonly endpoints: readonly Endpoint[];
}

/**
 * Which pods serve a Service, grouped by the numbers that its ports resolve to (a named targetPort may differ from pod
 * to pod). Pods that end stay listed as terminating; pods that ended are gone.
 */
export function endpointGroups(service: Service, pods: readonly Pod[]): EndpointGroup[] {
	const groups = new Map<string, { ports: EndpointPort[]; endpoints: Endpoint[] }>();
	const serving = pods.filter((pod) => pod.status?.podIP !== undefined && !isPodTerminal(pod)).sort(byAddress);
	for (const pod of serving) {
		const ports = resolvePorts(service, pod);
		const key = JSON.stringify(ports);
		const group = groups.get(key) ?? { ports, endpoints: [] };
		groups.set(key, group);
		group.endpoints.push(endpointOf(service, pod));
	}
	return [...groups.values()];
}

/** As text, which is how Kubernetes orders them. */
function byAddress(a: Pod, b: Pod): number {
	return (a.status?.podIP ?? "") < (b.status?.podIP ?? "") ? -1 : 1;
}

/** A port whose name the pod does not declare is left out for that pod, as upstream does. */
function resolvePorts(service: Service, pod: Pod): EndpointPort[] {
	return (service.spec.ports ?? []).flatMap((port) => {
		const number = targetPortNumber(port, pod);
		if (number === undefined) return [];
		const { name = "", protocol = "TCP", appProtocol } = port;
		return [{ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
	});
}

/** The container port that a Service port leads to in this pod. */
export function targetPortNumber(port: ServicePort, pod: Pod): number | undefined {
	const target = port.targetPort ?? port.port;
	if (typeof target === "number") return target;
	if (/^\d+$/.test(target)) return Number(target);
	const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
	const declared = [...pod.spec.containers, ...sidecars].flatMap((container) => container.ports ?? []);
	return declared.find(({ name, protocol = "TCP" }) => name === target && protocol === (port.protocol ?? "TCP"))
		?.containerPort;
}

function endpointOf(service: Service, pod: Pod): Endpoint {
	const { name = "", namespace = "", uid = "", deletionTimestamp } = pod.metadata;
	const serving = isPodReady(pod);
	const terminating = deletionTimestamp !== undefined;
	const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
	const subdomain = pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;
	return {
		addresses: [pod.status?.podIP ?? ""],
		conditions: { ready, serving, terminating },
		...(subdomain === undefined ? {} : { hostname: subdomain }),
		...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
		targetRef: { kind: "Pod", namespace, name, uid },
	};
}
