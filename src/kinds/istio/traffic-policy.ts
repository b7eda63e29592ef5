import { s } from "../schema-builder.ts";
import { loadBalancer } from "./load-balancer-fields.ts";
import { clientTls, connectionPool, portSelector } from "./shared-fields.ts";

const outlierDetection = () =>
	s.object({
		consecutiveErrors: s.int32().doc("Old name; Lateen reads it as consecutive5xxErrors when that is absent."),
		splitExternalLocalOriginErrors: s.bool().doc("Count errors of the connection apart from answers."),
		consecutiveLocalOriginFailures: s.uint32().doc("Connection errors in a row that eject an endpoint."),
		consecutiveGatewayErrors: s.uint32().doc("502, 503 and 504 answers in a row that eject an endpoint; 0 is off."),
		consecutive5xxErrors: s.uint32().doc("5xx answers in a row that eject an endpoint; 0 is off, 5 unless set."),
		interval: s.duration().doc("Time between sweeps; 10s unless set."),
		baseEjectionTime: s.duration().doc("Shortest ejection; grows with each one; 30s unless set."),
		maxEjectionPercent: s.int32().doc("Most endpoints that may be ejected, in percent; 10 unless set."),
		minHealthPercent: s.int32().doc("Below this share of healthy endpoints all of them are used."),
		outlierDetectionHttpErrorCodes: s.list(s.uint32()).doc("Status codes that count as errors; 5xx when absent."),
	});

const policyShape = () =>
	({
		loadBalancer: loadBalancer().doc("How endpoints are chosen."),
		connectionPool: connectionPool().doc("Limits of connections and requests."),
		outlierDetection: outlierDetection().doc("When failing endpoints are left out for a while."),
		tls: clientTls().doc("TLS of connections to the destination."),
	}) as const;

/** `trafficPolicy` of a DestinationRule and of its subsets. */
export const trafficPolicy = () =>
	s.object({
		...policyShape(),
		portLevelSettings: s
			.list(s.object({ port: portSelector().doc("Port of the destination."), ...policyShape() }))
			.doc("Policies for single ports; each replaces the destination's as a whole."),
		tunnel: s
			.object({
				protocol: s.string().doc("CONNECT or POST; CONNECT unless set."),
				targetHost: s.string().doc("Host at the far end of the tunnel.").required(),
				targetPort: s.uint32().doc("Port at the far end of the tunnel.").required(),
			})
			.doc("Sends TCP through an HTTP tunnel."),
		proxyProtocol: s
			.object({ version: s.enumOf("V1", "V2").doc("Version of the header.") })
			.doc("Tells the destination the client's address by PROXY protocol."),
		retryBudget: s
			.object({
				percent: s.double().doc("Retries allowed, in percent of active requests; 20 unless set."),
				minRetryConcurrency: s.uint32().doc("Retries that are always allowed; 3 unless set."),
				budgetInterval: s.duration().doc("Time over which requests are counted."),
			})
			.doc("Limits retries in proportion to traffic."),
	});
