import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, says, stdoutLog } from "../harness/bootstrap-parts.ts";
import type { TcpConversation } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { listenerFilter, proxyHeader, TCP_LOG_FIELDS, tcpProxy } from "../harness/tcp-parts.ts";
import { tcp } from "../harness/upstream.ts";

const cidr = (address_prefix: string, prefix_len: number): JsonObject => ({ address_prefix, prefix_len });

function chain(name: string, match: JsonObject): JsonObject {
	return { name, filter_chain_match: match, filters: [tcpProxy("echo", { stat_prefix: name })] };
}

const PROXY = listenerFilter("proxy_protocol.v3.ProxyProtocol");

function listener(name: string, filters: readonly JsonObject[], chains: readonly JsonObject[], more: JsonObject = {}) {
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		access_log: [stdoutLog({ json_format: { ...TCP_LOG_FIELDS, by: "listener" } })],
		stat_prefix: name,
		listener_filters: [...filters],
		listener_filters_timeout: "0.2s",
		filter_chains: [...chains],
		...more,
	};
}

const INSPECT = [listenerFilter("tls_inspector.v3.TlsInspector"), listenerFilter("http_inspector.v3.HttpInspector")];

/** A client that says where it comes from and where it wants to go, then waits for its echo or its end. */
function says4(name: string, to: string, header: string, more: Partial<TcpConversation> = {}): Case {
	return {
		name,
		connections: [
			{
				protocol: "tcp",
				to,
				send: header === "" ? [] : [`${header}hello`],
				expectBytes: 5,
				withinMs: 800,
				settleMs: 5,
				...more,
			},
		],
		counters: [`listener.${to}.no_filter_chain_match`, `listener.${to}.downstream_cx_total`],
		unordered: true,
	};
}

/** A ClientHello as clients of TLS send it, with SNI and ALPN by choice. */
function clientHello(sni: string | undefined, alpn: readonly string[] = []): Buffer {
	const part = (size: number, bytes: Buffer) => {
		const head = Buffer.alloc(size);
		head.writeUIntBE(bytes.length, 0, size);
		return Buffer.concat([head, bytes]);
	};
	const extension = (type: number, bytes: Buffer) => Buffer.concat([Buffer.from([0, type]), part(2, bytes)]);
	const name =
		sni === undefined ? [] : [extension(0, part(2, Buffer.concat([Buffer.from([0]), part(2, Buffer.from(sni))])))];
	const list = alpn.map((one) => part(1, Buffer.from(one)));
	const protocols = alpn.length === 0 ? [] : [extension(16, part(2, Buffer.concat(list)))];
	const groups = extension(10, part(2, Buffer.from([0, 29])));
	const versions = extension(43, part(1, Buffer.from([3, 4])));
	const schemes = extension(13, part(2, Buffer.from([4, 3])));
	const share = extension(51, part(2, Buffer.concat([Buffer.from([0, 29]), part(2, Buffer.alloc(32, 9))])));
	const body = Buffer.concat([
		Buffer.from([3, 3]),
		Buffer.alloc(32, 7),
		Buffer.from([0]),
		part(2, Buffer.from([0x13, 0x01])),
		part(1, Buffer.from([0])),
		part(2, Buffer.concat([...name, groups, versions, schemes, share, ...protocols])),
	]);
	const handshake = Buffer.concat([Buffer.from([1]), part(3, body)]);
	return Buffer.concat([Buffer.from([22, 3, 1]), part(2, handshake)]);
}

function hello(name: string, bytes: Buffer, more: Partial<TcpConversation> = {}): Case {
	return {
		name,
		connections: [
			{ protocol: "tcp", to: "inspected", send: [bytes], expectBytes: 50, withinMs: 400, settleMs: 5, ...more },
		],
		counters: [/^tls_inspector\.(?!bytes)/, /^http_inspector\./, "listener.inspected.no_filter_chain_match"],
		unordered: true,
	};
}

const http = (path: string): JsonObject => hcm({ routes: [says({ prefix: "/" }, path)], more: { access_log: [] } });

scene("filter chains", {
	upstreams: { echo: tcp() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener(
					"places",
					[PROXY],
					[
						chain("port", { destination_port: 2222 }),
						chain("wide", { prefix_ranges: [cidr("10.0.0.0", 8)] }),
						chain("narrow", { prefix_ranges: [cidr("10.1.0.0", 16), cidr("fd00::", 8)] }),
						chain("narrow-and-source", { prefix_ranges: [cidr("10.1.0.0", 16)], source_ports: [7] }),
						chain("port-and-source", { destination_port: 3333, source_prefix_ranges: [cidr("192.0.2.0", 24)] }),
					],
				),
				listener(
					"sources",
					[PROXY],
					[
						chain("local", { source_type: "SAME_IP_OR_LOOPBACK" }),
						chain("lan", { source_type: "EXTERNAL", source_prefix_ranges: [cidr("192.0.2.0", 24)] }),
						chain("lan-port", {
							source_type: "EXTERNAL",
							source_prefix_ranges: [cidr("192.0.2.0", 24)],
							source_ports: [7, 8],
						}),
						chain("direct", { direct_source_prefix_ranges: [cidr("127.0.0.0", 8)], destination_port: 9 }),
					],
					{ default_filter_chain: { name: "rest", filters: [tcpProxy("echo")] } },
				),
				listener("inspected", INSPECT, [
					chain("exact", { server_names: ["www.Example.com"] }),
					chain("near", { server_names: ["*.example.com"], transport_protocol: "tls" }),
					chain("far", { server_names: ["*.com"] }),
					chain("tls-h2", { transport_protocol: "tls", application_protocols: ["h2", "istio-h2"] }),
					chain("tls", { transport_protocol: "tls" }),
					{
						name: "http",
						filter_chain_match: { transport_protocol: "raw_buffer", application_protocols: ["http/1.1", "h2c"] },
						filters: [http("http")],
					},
					chain("http10", { application_protocols: ["http/1.0"] }),
				]),
				listener("nothing", [], [chain("never", { source_ports: [1] })]),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		says4("a port hides chains for every port", "places", proxyHeader("1.2.3.4", "10.1.0.1")),
		says4("the narrowest range", "places", proxyHeader("1.2.3.4", "10.1.0.1", "1 80")),
		says4("a wider range", "places", proxyHeader("1.2.3.4", "10.2.0.1", "1 80")),
		says4("IPv6 ranges", "places", proxyHeader("fd00::1", "fd12::1", "1 80")),
		says4("a source port in the same range", "places", proxyHeader("1.2.3.4", "10.1.0.1", "7 80")),
		says4("a port whose chain wants another source", "places", proxyHeader("1.2.3.4", "10.1.0.1", "7 3333")),
		says4("a port whose chain wants this source", "places", proxyHeader("192.0.2.4", "10.1.0.1", "7 3333")),
		says4("no chain", "places", proxyHeader("1.2.3.4", "11.0.0.1", "7 80")),
		says4("from loopback", "sources", proxyHeader("127.0.0.1", "10.1.0.1", "1 80")),
		says4("from the same address", "sources", proxyHeader("10.1.0.1", "10.1.0.1", "1 80")),
		says4("from outside, in a range", "sources", proxyHeader("192.0.2.9", "10.1.0.1", "1 80")),
		says4("from outside, in a range, by port", "sources", proxyHeader("192.0.2.9", "10.1.0.1", "8 80")),
		says4("the default chain takes the rest", "sources", proxyHeader("198.51.100.1", "10.1.0.1", "8 80")),
		says4("by the direct peer", "sources", proxyHeader("198.51.100.1", "10.1.0.1", "8 9")),
		says4("no chain at all", "nothing", "", { withinMs: 100 }),
		hello("SNI exactly, in another case", clientHello("www.EXAMPLE.com")),
		hello("SNI by the nearest wildcard", clientHello("a.b.example.com")),
		hello("SNI by a wider wildcard", clientHello("other.com")),
		hello("the wildcard's own name goes wider", clientHello("example.com")),
		hello("no SNI, an ALPN", clientHello(undefined, ["x", "istio-h2"])),
		hello("an SNI of nobody", clientHello("a.org", ["http/1.1"])),
		hello("an SNI of nobody with ALPN", clientHello("a.org", ["h2"])),
		hello("no SNI and no ALPN", clientHello(undefined)),
		hello("a hello in two records", splitRecord(clientHello("www.example.com"), 40)),
		hello("a hello in pieces", clientHello("www.example.com").subarray(0, 20), {
			send: [
				clientHello("www.example.com").subarray(0, 20),
				{ pauseMs: 20 },
				clientHello("www.example.com").subarray(20),
			],
		}),
		hello("a hello that never ends", clientHello("www.example.com").subarray(0, 50)),
		hello("an alert instead of a hello", Buffer.from([21, 3, 1, 0, 2, 1, 0])),
		hello("garbage", Buffer.from("\x01\x02\x03\x04\x05\x06")),
		hello("text", Buffer.from("hello world\r\n")),
		hello("text without a line end", Buffer.from("hello world")),
		hello("a request line with another version", Buffer.from("GET / HTTP/3.7\r\n\r\n")),
		hello("a request line without version", Buffer.from("GET /\r\n\r\n")),
		hello("a request line that starts with a blank", Buffer.from(" GET / HTTP/1.1\r\n\r\n")),
		hello("an empty line first", Buffer.from("\r\nGET / HTTP/1.1\r\n\r\n")),
		hello("an HTTP/1.0 request", Buffer.from("GET / HTTP/1.0\r\n\r\n")),
		hello("a request with an odd method", Buffer.from("BREW /pot HTTP/1.0\r\n\r\n")),
		hello("the HTTP/2 preface cut short", Buffer.from("PRI * HTTP/2.0\r\n\r\nS")),
		hello("a long request line", Buffer.from(`GET /${"x".repeat(70_000)}`)),
		{
			name: "an HTTP/1.1 request in pieces",
			to: "inspected",
			send: ["GET / HT", { pauseMs: 20 }, "TP/1.1\r\nhost: a\r\n\r\n"],
			counters: [/^http_inspector\./, "tls_inspector.tls_not_found"],
			unordered: true,
		},
		{
			name: "a client that says nothing",
			connections: [{ protocol: "tcp", to: "inspected", withinMs: 600 }],
			counters: ["listener.inspected.downstream_pre_cx_timeout"],
		},
		{
			name: "a client that leaves early",
			connections: [{ protocol: "tcp", to: "inspected", send: ["GE"], end: "half-close", withinMs: 600 }],
			counters: ["listener.inspected.downstream_listener_filter_remote_close", /^http_inspector\./],
		},
	],
});

/** The same handshake message in two records. */
function splitRecord(record: Buffer, at: number): Buffer {
	const message = record.subarray(5);
	const wrap = (piece: Buffer) =>
		Buffer.concat([Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 255]), piece]);
	return Buffer.concat([wrap(message.subarray(0, at)), wrap(message.subarray(at))]);
}
