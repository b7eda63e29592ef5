import { type AddressPlan, NODE_DNS_PORT, NODE_PROXY_PORT } from "../../lib/address-plan.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { KubeClient } from "../client/kube-client.ts";
import { RESOURCES } from "../client/resources.ts";
import { startDnsServer } from "./dns-server.ts";
import { createForwardProxy } from "./forward-proxy.ts";
import { type DoorReport, PortForwarders } from "./port-forwarders.ts";
import { type EndpointSliceObject, type ServiceObject, ServiceTable } from "./service-table.ts";

/** Changes of one burst are taken together. */
const SETTLE_MS = 10;
export const OPENED_PORTS_ANNOTATION = "lateen.dev/opened-ports";

export interface NetproxyOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly random: Random;
	readonly addressPlan: AddressPlan;
	readonly logger: { warn(object: object, message: string): void };
}

export interface Netproxy {
	close(): Promise<void>;
}

/** The node's share of networking: Service addresses, DNS and the forward proxy for pods without a sidecar. Resolves when its doors are open. */
export async function startNetproxy(options: NetproxyOptions): Promise<Netproxy> {
	const { client, clock, addressPlan } = options;
	const services = client.informer<ServiceObject>(RESOURCES.services);
	const slices = client.informer<EndpointSliceObject>(RESOURCES.endpointSlices);
	services.start();
	slices.start();
	await Promise.all([services.synced, slices.synced]);

	let table = new ServiceTable(services.list(), slices.list());
	const forwarders = new PortForwarders(table, ["127.0.0.1", addressPlan.nodeIp], (report) =>
		reportDoor(report, options),
	);
	const refresh = settled(clock, async () => {
		table = new ServiceTable(services.list(), slices.list());
		await forwarders.sync(table);
	});
	services.onChange(refresh);
	slices.onChange(refresh);

	const proxy = createForwardProxy(() => table, options.random);
	await new Promise<void>((resolve, reject) =>
		proxy.once("error", reject).listen(NODE_PROXY_PORT, addressPlan.nodeIp, resolve),
	);
	const dns = await startDnsServer(addressPlan.nodeIp, NODE_DNS_PORT, () => table);
	await forwarders.sync(table);
	return {
		async close() {
			services.stop();
			slices.stop();
			forwarders.close();
			proxy.closeAllConnections();
			await Promise.all([dns.close(), new Promise<void>((resolve) => proxy.close(() => resolve()))]);
		},
	};
}

/** Runs `task` once after a burst of calls, never twice at a time. */
function settled(clock: Clock, task: () => Promise<void>): () => void {
	let waiting = false;
	let tail = Promise.resolve();
	return () => {
		if (waiting) return;
		waiting = true;
		clock.after(SETTLE_MS, () => {
			waiting = false;
			tail = tail.then(task);
		});
	};
}

function reportDoor(report: DoorReport, { client, logger, clock }: NetproxyOptions): void {
	logger.warn({ ...report }, "a Service port cannot be opened as asked");
	const { namespace, service, address, port, openedPort, why } = report;
	const onFailure = (error: unknown) =>
		logger.warn({ err: error, service, namespace }, "the Service cannot be told of its port");
	if (openedPort !== undefined) {
		const annotations = { [OPENED_PORTS_ANNOTATION]: `${port}:${openedPort}` };
		client.patch(RESOURCES.services, service, { metadata: { annotations } }, { namespace }).catch(onFailure);
		return;
	}
	const now = new Date(clock.epochMs()).toISOString().replace(/\.\d+Z$/, "Z");
	client
		.create(RESOURCES.events, {
			apiVersion: "v1",
			kind: "Event",
			metadata: { generateName: `${service}.`, namespace },
			involvedObject: { apiVersion: "v1", kind: "Service", name: service, namespace },
			type: "Warning",
			reason: "PortNotOpened",
			message: `${address}:${port} cannot be opened: ${why}`,
			source: { component: "lateen-netproxy" },
			firstTimestamp: now,
			lastTimestamp: now,
			count: 1,
		})
		.catch(onFailure);
}
