import type { FieldPath } from "../../../lib/field-path.ts";
import type { TrafficPolicy } from "../destination-rule-spec.ts";
import { checkCounts, checkDuration } from "./primitives.ts";
import type { Report } from "./report.ts";

type Pool = NonNullable<TrafficPolicy["connectionPool"]>;

/** `connectionPool`, of destinations and of sidecars' inbound ports. */
export function checkConnectionPool(pool: Pool, path: FieldPath, report: Report): void {
	if (!pool.tcp && !pool.http) report.error("LTN1201", path, "the connection pool has neither tcp nor http settings");
	if (pool.tcp) checkTcp(pool.tcp, path.field("tcp"), report);
	if (pool.http) checkHttp(pool.http, path.field("http"), report);
}

function checkTcp(tcp: NonNullable<Pool["tcp"]>, path: FieldPath, report: Report): void {
	checkCounts(tcp, ["maxConnections"], path, report);
	checkDuration(tcp.connectTimeout, path.field("connectTimeout"), report);
	checkDuration(tcp.maxConnectionDuration, path.field("maxConnectionDuration"), report);
	checkDuration(tcp.idleTimeout, path.field("idleTimeout"), report, true);
	const keepalive = path.field("tcpKeepalive");
	checkDuration(tcp.tcpKeepalive?.time, keepalive.field("time"), report);
	checkDuration(tcp.tcpKeepalive?.interval, keepalive.field("interval"), report);
}

const HTTP_COUNTS = [
	"http1MaxPendingRequests",
	"http2MaxRequests",
	"maxRequestsPerConnection",
	"maxRetries",
	"maxConcurrentStreams",
];

function checkHttp(http: NonNullable<Pool["http"]>, path: FieldPath, report: Report): void {
	checkCounts(http, HTTP_COUNTS, path, report);
	checkDuration(http.idleTimeout, path.field("idleTimeout"), report, true);
	if (http.h2UpgradePolicy === "UPGRADE" && http.useClientProtocol)
		report.error("LTN1114", path, "h2UpgradePolicy UPGRADE and useClientProtocol exclude each other", "keep one");
	const ping = http.http2KeepAlive;
	if (!ping) return;
	const at = path.field("http2KeepAlive");
	for (const name of ["interval", "timeout"] as const) {
		if (ping[name] === undefined) report.error("LTN1201", at.field(name), "interval and timeout are both needed");
		checkDuration(ping[name], at.field(name), report);
	}
}
