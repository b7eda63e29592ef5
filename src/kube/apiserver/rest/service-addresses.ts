import type { FieldError } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { ADDRESSES_PER_RANGE, type AddressPlan } from "../../../lib/address-plan.ts";
import type { Random } from "../../../lib/random.ts";
import { invalid } from "../http/api-error.ts";
import type { Store } from "../store/store.ts";
import type { ServedResource } from "./served-resource.ts";

const SERVICES = "core/services";
const FIRST_NODE_PORT = 30_000;
const NODE_PORTS = 2768;

/** A reservation that can be given back when the write comes to nothing. */
export interface Allocation {
	release(): void;
}

interface ServicePort {
	name?: string;
	port: number;
	protocol?: string;
	nodePort?: number;
}

interface ServiceSpec {
	type?: string;
	clusterIP?: string;
	clusterIPs?: string[];
	ports?: ServicePort[];
	healthCheckNodePort?: number;
	externalTrafficPolicy?: string;
	internalTrafficPolicy?: string;
	ipFamilyPolicy?: string;
	ipFamilies?: string[];
	externalIPs?: string[];
}

const NOTHING: Allocation = { release: () => {} };

/** Gives Services their clusterIP and nodePorts when they are created or change type, each address to one Service only. */
export class ServiceAddresses {
	readonly #plan: AddressPlan;
	readonly #ips = new Set<string>();
	readonly #ports = new Set<number>();
	#nextIp = 0;
	#nextPort: number;

	/** Node ports are given out from a random one on: meshes on one machine share the machine's ports. */
	constructor(plan: AddressPlan, random: Random) {
		this.#plan = plan;
		this.#nextPort = random.below(NODE_PORTS);
	}

	/** Takes note of the Services that there are, and of every deletion from now on. */
	async follow(store: Store): Promise<void> {
		for (const { object } of store.list(SERVICES)) this.#hold(object);
		await store.watch({ resource: SERVICES, namespace: "" }, store.revision, (event) => {
			if (event.previous) this.#letGo(event.previous.object);
			if (event.type === "put") this.#hold(event.current.object);
		});
	}

	/**
	 * Before an update is validated: takes over what the writer left out (a replaced Service keeps its addresses) and drops what a new type
	 * no longer has.
	 */
	inherit(resource: ServedResource, next: KubeObject, live: KubeObject): void {
		if (resource.storage !== SERVICES || next.spec === undefined || live.spec === undefined) return;
		const [spec, old] = [next.spec as ServiceSpec, live.spec as ServiceSpec];
		inheritIp(spec, old);
		if (!isExternal(spec) && isExternal(old) && spec.externalTrafficPolicy === old.externalTrafficPolicy)
			delete spec.externalTrafficPolicy;
		for (const port of spec.ports ?? []) {
			const known = old.ports?.find((other) => isSamePort(other, port))?.nodePort;
			if (hasNodePorts(spec)) port.nodePort ||= known;
			else if (hasNodePorts(old) && port.nodePort === known) delete port.nodePort;
		}
	}

	/** Completes a Service in place; throws 422 when an address that it asks for is taken. Other kinds pass untouched. */
	allot(resource: ServedResource, next: KubeObject, live: KubeObject | undefined): Allocation {
		if (resource.storage !== SERVICES || next.spec === undefined) return NOTHING;
		const spec = next.spec as ServiceSpec;
		const old = (live?.spec ?? {}) as ServiceSpec;
		const taken: (() => void)[] = [];
		const release = () => {
			for (const undo of taken.splice(0)) undo();
		};
		try {
			this.#allotIp(spec, old, taken);
			this.#allotPorts(spec, old, taken);
		} catch (error) {
			release();
			if (error instanceof Taken) throw invalid(resource.kind, next.metadata.name ?? "", [error.fieldError]);
			throw error;
		}
		return { release };
	}

	#allotIp(spec: ServiceSpec, old: ServiceSpec, taken: (() => void)[]): void {
		if (spec.type === "ExternalName") return;
		spec.clusterIP ||= spec.clusterIPs?.[0];
		if (!spec.clusterIP) spec.clusterIP = this.#freeIp();
		if (spec.clusterIP !== "None" && spec.clusterIP !== old.clusterIP) this.#takeIp(spec.clusterIP, taken);
		spec.clusterIPs = [spec.clusterIP];
	}

	#allotPorts(spec: ServiceSpec, old: ServiceSpec, taken: (() => void)[]): void {
		if (!hasNodePorts(spec)) return;
		const before = new Set((old.ports ?? []).map((port) => port.nodePort));
		for (const [at, port] of (spec.ports ?? []).entries()) {
			port.nodePort ||= this.#freePort();
			if (before.has(port.nodePort)) continue;
			this.#takePort(port.nodePort, `spec.ports[${at}].nodePort`);
			const { nodePort } = port;
			taken.push(() => this.#ports.delete(nodePort));
		}
	}

	#takeIp(ip: string, taken: (() => void)[]): void {
		if (this.#ips.has(ip)) {
			const text = `failed to allocate IP ${ip}: provided IP is already allocated`;
			throw new Taken("spec.clusterIPs", [ip], text);
		}
		if (!this.#plan.contains(ip)) {
			const text = `failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range`;
			throw new Taken("spec.clusterIPs", [ip], text);
		}
		this.#ips.add(ip);
		taken.push(() => this.#ips.delete(ip));
	}

	#takePort(port: number, path: string): void {
		if (this.#ports.has(port)) throw new Taken(path, port, "provided port is already allocated");
		if (port < FIRST_NODE_PORT || port >= FIRST_NODE_PORT + NODE_PORTS)
			throw new Taken(path, port, "provided port is not in the valid range. The range of valid ports is 30000-32767");
		this.#ports.add(port);
	}

	#freeIp(): string {
		for (let tries = 0; tries < ADDRESSES_PER_RANGE; tries++) {
			const ip = this.#plan.serviceIp(this.#nextIp);
			this.#nextIp = (this.#nextIp + 1) % ADDRESSES_PER_RANGE;
			if (!this.#ips.has(ip) && ip !== this.#plan.kubernetesServiceIp) return ip;
		}
		throw new Taken("spec.clusterIPs", [], "failed to allocate a serviceIP: range is full");
	}

	#freePort(): number {
		for (let tries = 0; tries < NODE_PORTS; tries++) {
			const port = FIRST_NODE_PORT + this.#nextPort;
			this.#nextPort = (this.#nextPort + 1) % NODE_PORTS;
			if (!this.#ports.has(port)) return port;
		}
		throw new Taken("spec.ports", 0, "failed to allocate a nodePort: range is full");
	}

	#hold(service: KubeObject): void {
		const { clusterIP, ports = [] } = (service.spec ?? {}) as ServiceSpec;
		if (clusterIP && clusterIP !== "None") this.#ips.add(clusterIP);
		for (const { nodePort } of ports) if (nodePort) this.#ports.add(nodePort);
	}

	#letGo(service: KubeObject): void {
		const { clusterIP, ports = [] } = (service.spec ?? {}) as ServiceSpec;
		if (clusterIP) this.#ips.delete(clusterIP);
		for (const { nodePort } of ports) if (nodePort) this.#ports.delete(nodePort);
	}
}

function inheritIp(spec: ServiceSpec, old: ServiceSpec): void {
	if (spec.type === "ExternalName") {
		if (spec.internalTrafficPolicy === old.internalTrafficPolicy) delete spec.internalTrafficPolicy;
		if (spec.clusterIP !== old.clusterIP) return;
		for (const name of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const) delete spec[name];
	} else if (!spec.clusterIP && !spec.clusterIPs?.[0] && old.clusterIP) {
		spec.clusterIP = old.clusterIP;
		spec.clusterIPs = [old.clusterIP];
	}
}

function hasNodePorts({ type }: ServiceSpec): boolean {
	return type === "NodePort" || type === "LoadBalancer";
}

/** Reached from outside the cluster: only then is there a policy for such traffic. */
function isExternal(spec: ServiceSpec): boolean {
	return hasNodePorts(spec) || (spec.externalIPs ?? []).length > 0;
}

function isSamePort(a: ServicePort, b: ServicePort): boolean {
	return a.port === b.port && (a.protocol ?? "TCP") === (b.protocol ?? "TCP");
}

/** An address that cannot be had; becomes a 422 at the Service. */
class Taken extends Error {
	readonly fieldError: FieldError;
	constructor(path: string, value: unknown, text: string) {
		super(text);
		const kubernetesText = `Invalid value: ${JSON.stringify(value)}: ${text}`;
		this.fieldError = { code: "LTN2102", path, message: text, fix: "", reason: "FieldValueInvalid", kubernetesText };
	}
}
