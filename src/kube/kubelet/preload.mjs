// Loaded into every Node program of a pod (`NODE_OPTIONS=--import`). In network mode loopback a pod has no network of its
// own, only addresses out of 127/8: this makes "all addresses" and "localhost" mean the pod's, and names the cluster's.
// Plain JavaScript and core modules only: it runs before anything else and must cost next to nothing.

import dgram from "node:dgram";
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const own = process.env.LATEEN_LOCALHOST ?? process.env.LATEEN_APP_IP;
const server = process.env.LATEEN_DNS;
const namespace = process.env.LATEEN_NAMESPACE ?? "default";
const SEARCH = [`${namespace}.svc.cluster.local`, "svc.cluster.local", "cluster.local"];
/** Names with at least so many dots are tried as they are first (Kubernetes' ndots). */
const NDOTS = 5;

const ANY = new Set(["0.0.0.0", "::", "", "*"]);
const LOCAL = new Set(["localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"]);

if (own) {
	const listen = net.Server.prototype.listen;
	net.Server.prototype.listen = function (...args) {
		return listen.apply(this, bindHere(args));
	};
	const connect = net.Socket.prototype.connect;
	net.Socket.prototype.connect = function (...args) {
		return connect.apply(this, connectHere(args));
	};
	const bind = dgram.Socket.prototype.bind;
	dgram.Socket.prototype.bind = function (...args) {
		return bind.apply(this, bindDatagrams(this, args));
	};
}

/** listen(port, host?, ...), listen(options, ...): everything but pipes, handles and file descriptors. */
function bindHere(args) {
	const [first] = args;
	if (typeof first === "object" && first !== null && !Array.isArray(first)) {
		const isPort = first.port !== undefined && first.path === undefined && first.fd === undefined;
		if (!isPort || !isEveryone(first.host)) return args;
		return [{ ...first, host: own, ipv6Only: false }, ...args.slice(1)];
	}
	const isPort = first === undefined || typeof first === "number" || /^\d+$/.test(String(first));
	if (!isPort || typeof first === "function") return typeof first === "function" ? [0, own, ...args] : args;
	const [port = 0, host, ...rest] = args;
	if (typeof host === "string") return isEveryone(host) ? [port, own, ...rest] : args;
	// listen(port, backlog?, callback?)
	return [port, own, ...(host === undefined ? [] : [host]), ...rest];
}

function isEveryone(host) {
	return host === undefined || host === null || ANY.has(host) || LOCAL.has(host);
}

/** net.connect normalises its arguments into one array before it calls this method; direct callers do not. */
function connectHere(args) {
	const inner = Array.isArray(args[0]) ? args[0] : args;
	const [first, second] = inner;
	if (typeof first === "object" && first !== null) {
		const isPort = first.port !== undefined && first.path === undefined;
		if (!isPort || !(first.host === undefined || LOCAL.has(first.host))) return args;
		inner[0] = { ...first, host: own };
		return args;
	}
	const isPort = typeof first === "number" || /^\d+$/.test(String(first));
	if (!isPort) return args;
	if (typeof second !== "string") return [first, own, ...inner.slice(1)];
	return LOCAL.has(second) ? [first, own, ...inner.slice(2)] : args;
}

function bindDatagrams(socket, args) {
	const [first, ...rest] = args;
	if (socket.type !== "udp4") return args;
	if (typeof first === "object" && first !== null && first.fd === undefined)
		return isEveryone(first.address) ? [{ ...first, address: own }, ...rest] : args;
	if (typeof first === "object") return args;
	const port = typeof first === "number" ? first : 0;
	const callback = args.find((arg) => typeof arg === "function");
	const address = typeof rest[0] === "string" && !isEveryone(rest[0]) ? rest[0] : own;
	return callback ? [port, address, callback] : [port, address];
}

// fetch() asks a proxy for a tunnel (CONNECT) even for plain HTTP, and inside a tunnel the proxy sees no requests to route: the same
// dispatcher, told not to tunnel, sends them in absolute form as http.request does. Node keeps it under this symbol.
const DISPATCHER = Symbol.for("undici.globalDispatcher.1");
const dispatcher = globalThis[DISPATCHER];
if (process.env.NODE_USE_ENV_PROXY && dispatcher)
	globalThis[DISPATCHER] = new dispatcher.constructor({ proxyTunnel: false });

if (server) {
	const resolver = new dns.Resolver({ timeout: 1000, tries: 3 });
	resolver.setServers([server]);
	dns.setServers([server]);

	const lookup = (hostname, options, callback) => {
		if (typeof options === "function") [options, callback] = [{}, options];
		if (typeof options === "number") options = { family: options };
		const { all = false, family = 0 } = options ?? {};
		const answer = (addresses) =>
			queueMicrotask(() =>
				all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family),
			);
		const literal = net.isIP(hostname ?? "");
		if (!hostname) return answer([{ address: own, family: 4 }]);
		if (literal) return answer([{ address: hostname, family: literal }]);
		const wants4 = family !== 6 && family !== "IPv6";
		if (hostname === "localhost" && own) return answer([{ address: own, family: 4 }]);
		const candidates = wants4 ? candidatesOf(hostname) : [];
		const next = () => {
			const candidate = candidates.shift();
			if (candidate === undefined) return callback(notFound(hostname));
			resolver.resolve4(candidate, (error, addresses) => {
				if (!error && addresses.length > 0) return answer(addresses.map((address) => ({ address, family: 4 })));
				if (error && error.code !== "ENOTFOUND" && error.code !== "ENODATA") return callback(tryAgain(hostname, error));
				next();
			});
		};
		next();
	};
	dns.lookup = lookup;
	dns.promises.lookup = (hostname, options = {}) =>
		new Promise((resolve, reject) => {
			const wanted = typeof options === "number" ? { family: options } : options;
			lookup(hostname, { ...wanted, all: true }, (error, addresses) => {
				if (error) reject(error);
				else resolve(wanted.all ? addresses : addresses[0]);
			});
		});
}

function candidatesOf(name) {
	if (name.endsWith(".")) return [name.slice(0, -1)];
	const searched = SEARCH.map((domain) => `${name}.${domain}`);
	return name.split(".").length - 1 >= NDOTS ? [name, ...searched] : [...searched, name];
}

function notFound(hostname) {
	return lookupError("ENOTFOUND", -3008, hostname);
}

function tryAgain(hostname, cause) {
	return Object.assign(lookupError("EAI_AGAIN", -3001, hostname), { cause });
}

function lookupError(code, errno, hostname) {
	return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { errno, code, syscall: "getaddrinfo", hostname });
}

syncBuiltinESMExports();
