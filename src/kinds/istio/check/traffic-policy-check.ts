import type { FieldPath } from "../../../lib/field-path.ts";
import type { TrafficPolicy } from "../destination-rule-spec.ts";
import { checkClientTls } from "./client-tls-check.ts";
import { checkConnectionPool } from "./connection-pool-check.ts";
import { isFqdn, isIpAddress } from "./host-names.ts";
import { checkLoadBalancer } from "./load-balancer-check.ts";
import { checkDuration, checkPort, checkRange, isPort } from "./primitives.ts";
import type { Report } from "./report.ts";

type Outlier = NonNullable<TrafficPolicy["outlierDetection"]>;
type CommonPolicy = Pick<TrafficPolicy, "loadBalancer" | "connectionPool" | "outlierDetection" | "tls">;

/** The policy of a service or of a subset. */
export function checkTrafficPolicy(policy: TrafficPolicy, path: FieldPath, report: Report): void {
	if (Object.keys(policy).length === 0)
		report.error("LTN1201", path, "the traffic policy is empty", "remove it or say something in it");
	checkCommonPolicy(policy, path, report);
	for (const [i, settings] of (policy.portLevelSettings ?? []).entries()) {
		const at = path.field("portLevelSettings").index(i);
		const { port, ...rest } = settings;
		if (!isPort(port?.number)) report.error("LTN1102", at.field("port"), "port level settings need a port number");
		if (Object.keys(rest).length === 0) report.error("LTN1201", at, "the port level settings are empty");
		checkCommonPolicy(settings, at, report);
	}
	checkTunnel(policy, path, report);
	const budget = policy.retryBudget;
	if (budget) checkRange(budget.percent, [0, 100], path.field("retryBudget").field("percent"), report);
}

function checkCommonPolicy(policy: CommonPolicy, path: FieldPath, report: Report): void {
	const { loadBalancer, connectionPool, outlierDetection, tls } = policy;
	if (connectionPool) checkConnectionPool(connectionPool, path.field("connectionPool"), report);
	if (loadBalancer) checkLoadBalancer(loadBalancer, outlierDetection !== undefined, path.field("loadBalancer"), report);
	if (outlierDetection) checkOutlierDetection(outlierDetection, path.field("outlierDetection"), report);
	if (tls) checkClientTls(tls, path.field("tls"), report);
}

function checkTunnel({ tunnel, proxyProtocol }: TrafficPolicy, path: FieldPath, report: Report): void {
	if (tunnel && proxyProtocol) report.error("LTN1114", path, "tunnel and proxyProtocol cannot both be set");
	if (!tunnel) return;
	const at = path.field("tunnel");
	const { protocol = "", targetHost, targetPort } = tunnel;
	if (!["", "CONNECT", "POST"].includes(protocol))
		report.error("LTN1206", at.field("protocol"), `${protocol} is neither CONNECT nor POST`);
	if (!isFqdn(targetHost) && !isIpAddress(targetHost))
		report.error("LTN1101", at.field("targetHost"), `${JSON.stringify(targetHost)} is no valid host`);
	checkPort(targetPort, at.field("targetPort"), report);
}

function checkOutlierDetection(outlier: Outlier, path: FieldPath, report: Report): void {
	if (outlier.consecutiveErrors !== undefined)
		report.warn(
			"LTN1116",
			path.field("consecutiveErrors"),
			"consecutiveErrors is an old name; it is read as consecutive5xxErrors where that is absent",
			"rename it to consecutive5xxErrors",
		);
	if (outlier.consecutiveLocalOriginFailures && !outlier.splitExternalLocalOriginErrors)
		report.error(
			"LTN1205",
			path.field("consecutiveLocalOriginFailures"),
			"consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors",
			"set splitExternalLocalOriginErrors: true",
		);
	checkDuration(outlier.interval, path.field("interval"), report);
	checkDuration(outlier.baseEjectionTime, path.field("baseEjectionTime"), report);
	checkRange(outlier.maxEjectionPercent, [0, 100], path.field("maxEjectionPercent"), report);
	checkRange(outlier.minHealthPercent, [0, 100], path.field("minHealthPercent"), report);
	for (const [i, code] of (outlier.outlierDetectionHttpErrorCodes ?? []).entries())
		checkRange(code, [100, 599], path.field("outlierDetectionHttpErrorCodes").index(i), report);
}
