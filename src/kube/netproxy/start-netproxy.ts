import type { Server } from "node:net";
import { type AddressPlan, NODE_DNS_PORT, NODE_PROXY_PORT } from "../../lib/address-plan.ts";
import type { Clock } from "../../lib/clock.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import type { Random } from "../../lib/random.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import type { KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import { RESOURCES } from "../client/resources.ts";
import type { EndpointSlice, Service } from "../client/service.ts";
import { startDnsServer } from "./dns-server.ts";
import { createDoorKeeper } from "./door-keeper.ts";
import { doorPlan } from "./door-plan.ts";
import { startForwardProxy } from "./forward-proxy.ts";
import { annotateOpenedPorts } from "./opened-ports.ts";
import { serviceTable } from "./service-table.ts";

export interface NetproxyOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly random: Random;
	readonly addressPlan: AddressPlan;
	readonly logger: Log;
	/** For tests: stands in for `server.listen` of Service doors. */
	readonly listen?: (server: Server, port: number, address: string) => Promise<void>;
}

export interface Netproxy {
	close(): Promise<void>;
}

/**
 * The node's networking: Service addresses, LoadBalancer addresses, NodePorts, the forward proxy and DNS. Resolves when all
 * that the API server knows now is open; throws ProblemError LTN6201 when a node port is taken.
 */
export async function startNetproxy(options: NetproxyOptions): Promise<Netproxy> {
	const { client, clock, addressPlan, logger: log } = options;
	const services = client.informer<Service>(RESOURCES.services);
	const slices = client.informer<EndpointSlice>(RESOURCES.endpointSlices);
	const informers = [services, slices];
	let table = serviceTable([], []);
	let stale = false;

	const recorder = createEventRecorder({ client, clock, log, component: "lateen-netproxy" });
	const keeper = createDoorKeeper({ clock, log, recorder, listen: options.listen, onChange: () => void annotate() });
	const annotate = () =>
		annotateOpenedPorts(client, doorPlan(table, addressPlan).values(), (key) => keeper.openedPort(key), log);
	const refresh = async () => {
		stale = false;
		table = serviceTable(services.list(), slices.list());
		await keeper.keep(doorPlan(table, addressPlan));
	};
	// A burst of changes in one turn of the event loop is one refresh.
	const onChange = () => {
		if (stale) return;
		stale = true;
		setImmediate(() => void refresh());
	};
	const at = (port: number) => ({ address: addressPlan.nodeIp, port });
	const dns = await opened("DNS", at(NODE_DNS_PORT), (where) => startDnsServer(where, () => table, log));
	const proxy = await opened("forward proxy", at(NODE_PROXY_PORT), (where) =>
		startForwardProxy({ ...where, addressPlan, log, table: () => table }),
	).catch(async (error: unknown) => {
		await dns.close();
		throw error;
	});
	for (const informer of informers) informer.start();
	await Promise.all(informers.map((informer) => informer.synced));
	services.onChange(onChange);
	slices.onChange(onChange);
	await refresh();
	return {
		async close() {
			for (const informer of informers) informer.stop();
			await Promise.all([keeper.close(), dns.close(), proxy.close()]);
		},
	};
}

async function opened<T>(
	what: string,
	where: { address: string; port: number },
	open: (where: { address: string; port: number }) => Promise<T>,
): Promise<T> {
	try {
		return await open(where);
	} catch (cause) {
		const path = `${where.address}:${where.port}`;
		const { code, message } = cause as NodeJS.ErrnoException;
		const inUse = code === "EADDRINUSE";
		const text = inUse
			? `the node's ${what} port is in use, most likely by another mesh that started at the same moment`
			: `the node's ${what} cannot listen: ${message}`;
		const fix = inUse ? "start again to get addresses that are free, or name them with --address-block" : "";
		throw new ProblemError([problem("LTN6201", path, text, fix)], { cause });
	}
}
