import type { KubeObject } from "../../kinds/object.ts";
import { problem } from "../../lib/problem.ts";
import { type ConfigMeta, metaOf } from "./config-object.ts";
import { ObjectReader, ProblemSink, UNSUPPORTED_FIELD } from "./object-reader.ts";
import type { Parsed } from "./parsed.ts";

/** A networking.istio.io Gateway. */
export interface Gateway {
	readonly meta: ConfigMeta;
	/** Undefined: every gateway proxy. */
	readonly selector: Readonly<Record<string, string>> | undefined;
	readonly servers: readonly Server[];
}

export interface Server {
	readonly port: number;
	readonly portName: string;
	readonly protocol: ServerProtocol;
	readonly name: string;
	/** Empty: the proxy's own address. */
	readonly bind: string;
	readonly hosts: readonly ServerHost[];
	readonly httpsRedirect: boolean;
}

/** A host of a server and which namespaces may bind routes to it (`*` any, `.` already resolved). */
export interface ServerHost {
	readonly namespace: string;
	readonly host: string;
}

const PROTOCOLS = ["HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS", "REDIS", "MYSQL"] as const;
export type ServerProtocol = (typeof PROTOCOLS)[number];
const HTTP_PROTOCOLS: ReadonlySet<ServerProtocol> = new Set(["HTTP", "GRPC", "GRPC-WEB", "HTTP2"]);

/** Reads a Gateway; servers that are not plain HTTP are left out and told. */
export function parseGateway(object: KubeObject): Parsed<Gateway> {
	const meta = metaOf(object);
	const sink = new ProblemSink();
	const r = ObjectReader.spec(object, sink);
	const servers = r.list("servers", (s) => {
		const server = readServer(s, meta.namespace);
		if (HTTP_PROTOCOLS.has(server.protocol)) return server;
		const message = `servers of protocol ${server.protocol} are not supported yet; this one gets no listener`;
		sink.problems.push(problem(UNSUPPORTED_FIELD, s.path.field("port").field("protocol").toString(), message));
		return undefined;
	});
	const selector = r.stringMap("selector");
	const value: Gateway = {
		meta,
		selector: Object.keys(selector).length === 0 ? undefined : selector,
		servers: servers.filter((s) => s !== undefined),
	};
	r.end();
	return { value: sink.malformed ? undefined : value, problems: sink.problems };
}

function readServer(r: ObjectReader, namespace: string): Server {
	const port = r.object("port", (p) => {
		p.ignore("targetPort");
		const protocol = (p.string("protocol") ?? "").toUpperCase();
		const known = PROTOCOLS.find((word) => word === protocol);
		if (!known) p.malformed("protocol", `must be one of ${PROTOCOLS.join(", ")}`);
		const number = p.number("number") ?? 0;
		if (!Number.isInteger(number) || number < 1 || number > 65_535)
			p.malformed("number", "must be between 1 and 65535");
		return { number, name: p.string("name") ?? "", protocol: known ?? "HTTP" };
	});
	if (!port) r.malformed("port", "must be there");
	const tls = r.object("tls", (t) => {
		// Certificates belong to HTTPS and TLS servers, which are refused as a whole.
		t.ignore("mode", "credentialName", "credentialNames", "serverCertificate", "privateKey", "caCertificates");
		t.ignore("subjectAltNames", "minProtocolVersion", "maxProtocolVersion", "cipherSuites", "tlsCertificates");
		return { httpsRedirect: t.boolean("httpsRedirect") ?? false };
	});
	r.unsupported("defaultEndpoint", "Istio does not obey it either");
	return {
		port: port?.number ?? 0,
		portName: port?.name ?? "",
		protocol: port?.protocol ?? "HTTP",
		name: r.string("name") ?? "",
		bind: r.string("bind") ?? "",
		hosts: r.strings("hosts").map((host) => parseServerHost(host, namespace)),
		httpsRedirect: tls?.httpsRedirect ?? false,
	};
}

function parseServerHost(text: string, ownNamespace: string): ServerHost {
	const slash = text.indexOf("/");
	if (slash < 0) return { namespace: "*", host: text.toLowerCase() };
	const namespace = text.slice(0, slash);
	return { namespace: namespace === "." ? ownNamespace : namespace, host: text.slice(slash + 1).toLowerCase() };
}
