/** What a port carries, as istio-traffic-api.md 10.1 selects it; `Auto` is decided by looking at the bytes. */
export type Protocol =
	| "HTTP"
	| "HTTP2"
	| "GRPC"
	| "GRPC-Web"
	| "HTTPS"
	| "TLS"
	| "TCP"
	| "UDP"
	| "Mongo"
	| "Redis"
	| "MySQL"
	| "Auto";

const BY_WORD: Readonly<Record<string, Protocol>> = {
	tcp: "TCP",
	udp: "UDP",
	grpc: "GRPC",
	"grpc-web": "GRPC-Web",
	http: "HTTP",
	http2: "HTTP2",
	https: "HTTPS",
	tls: "TLS",
	mongo: "Mongo",
	redis: "Redis",
	mysql: "MySQL",
};

/** Server-first protocols on these ports would hang while a proxy waits for the client's first bytes. */
const WELL_KNOWN_TCP = new Set([25, 53, 3306, 27017]);

const KUBERNETES_APP_PROTOCOL: Readonly<Record<string, Protocol>> = {
	"kubernetes.io/h2c": "HTTP2",
	"kubernetes.io/ws": "HTTP",
	"kubernetes.io/wss": "HTTPS",
};

export interface PortHints {
	readonly number: number;
	readonly name?: string;
	readonly appProtocol?: string;
	/** Kubernetes' transport: TCP, UDP or SCTP. */
	readonly transport?: string;
}

/** The protocol of a Kubernetes port: transport, then appProtocol, then the first word of its name. */
export function selectProtocol(port: PortHints): Protocol {
	if (port.transport === "UDP") return "UDP";
	const special = KUBERNETES_APP_PROTOCOL[port.appProtocol ?? ""];
	if (special) return special;
	const text = (port.appProtocol || port.name || "").toLowerCase();
	return parseProtocol(text) ?? (WELL_KNOWN_TCP.has(port.number) ? "TCP" : "Auto");
}

/** A protocol word such as `HTTP`, `grpc-web` or `http-admin`; undefined when it says nothing. */
export function parseProtocol(text: string): Protocol | undefined {
	const lower = text.toLowerCase();
	if (lower.startsWith("grpc-web")) return "GRPC-Web";
	const dash = lower.indexOf("-");
	return BY_WORD[dash < 0 ? lower : lower.slice(0, dash)];
}

export function isHttp(protocol: Protocol): boolean {
	return protocol === "HTTP" || isHttp2(protocol);
}

export function isHttp2(protocol: Protocol): boolean {
	return protocol === "HTTP2" || protocol === "GRPC" || protocol === "GRPC-Web";
}
