import type { FieldPath } from "../../../lib/field-path.ts";
import type { TrafficPolicy } from "../destination-rule-spec.ts";
import { checkDuration, checkRange } from "./primitives.ts";
import type { Report } from "./report.ts";

type LoadBalancer = NonNullable<TrafficPolicy["loadBalancer"]>;
type ConsistentHash = NonNullable<LoadBalancer["consistentHash"]>;
type Locality = NonNullable<LoadBalancer["localityLbSetting"]>;
type Failover = NonNullable<Locality["failover"]>;

const MAX_TABLE = 5_000_011;

/** `loadBalancer`; failover works only where outliers are detected. */
export function checkLoadBalancer(
	balancer: LoadBalancer,
	hasOutlierDetection: boolean,
	path: FieldPath,
	report: Report,
): void {
	if (balancer.simple === "LEAST_CONN")
		report.warn(
			"LTN1116",
			path.field("simple"),
			"LEAST_CONN is the old name of LEAST_REQUEST; it gives no stickiness",
			"write LEAST_REQUEST",
		);
	if (balancer.consistentHash) checkConsistentHash(balancer.consistentHash, path.field("consistentHash"), report);
	const { localityLbSetting: locality, zoneAwareLbSetting: zones } = balancer;
	if (locality && zones)
		report.error("LTN1114", path, "localityLbSetting and zoneAwareLbSetting exclude each other", "keep one");
	if (locality) checkLocality(locality, path.field("localityLbSetting"), report);
	if (zones) checkFailover(zones.failover ?? [], path.field("zoneAwareLbSetting").field("failover"), report);
	const failsOver = [locality, zones].some(
		(setting) => (setting?.failover ?? []).length + (setting?.failoverPriority ?? []).length > 0,
	);
	if (failsOver && !hasOutlierDetection)
		report.warn(
			"LTN1207",
			path,
			"failover between localities needs outlierDetection",
			"add outlierDetection to the same policy",
		);
	checkWarmup(balancer, path, report);
}

function checkWarmup({ warmup, warmupDurationSecs }: LoadBalancer, path: FieldPath, report: Report): void {
	checkDuration(warmupDurationSecs, path.field("warmupDurationSecs"), report);
	if (!warmup) return;
	const at = path.field("warmup");
	if (warmupDurationSecs)
		report.error("LTN1114", path, "warmup and warmupDurationSecs exclude each other", "keep warmup");
	checkDuration(warmup.duration, at.field("duration"), report);
	checkRange(warmup.minimumPercent, [0, 100], at.field("minimumPercent"), report);
	if (warmup.aggression !== undefined && warmup.aggression <= 0)
		report.error("LTN1112", at.field("aggression"), "aggression must be greater than 0");
}

function checkConsistentHash(hash: ConsistentHash, path: FieldPath, report: Report): void {
	const { httpCookie: cookie, minimumRingSize, ringHash, maglev } = hash;
	if (cookie) checkCookie(cookie, path.field("httpCookie"), report);
	if (minimumRingSize !== undefined) {
		report.warn(
			"LTN1116",
			path.field("minimumRingSize"),
			"minimumRingSize is deprecated",
			"use ringHash.minimumRingSize",
		);
		if (ringHash || maglev) report.error("LTN1114", path, "minimumRingSize cannot stand beside ringHash or maglev");
	}
	const size = maglev?.tableSize;
	if (size !== undefined && (size <= 0 || size >= MAX_TABLE || !isPrime(size)))
		report.error(
			"LTN1208",
			path.field("maglev").field("tableSize"),
			`${size} is not a prime number below ${MAX_TABLE}`,
		);
}

function checkCookie(cookie: NonNullable<ConsistentHash["httpCookie"]>, path: FieldPath, report: Report): void {
	if (cookie.name === "") report.error("LTN1208", path.field("name"), "the cookie has no name");
	checkDuration(cookie.ttl, path.field("ttl"), report, true);
	const seen = new Set<string>();
	for (const [i, { name = "" }] of (cookie.attributes ?? []).entries()) {
		const at = path.field("attributes").index(i).field("name");
		if (name === "") report.error("LTN1208", at, "the cookie attribute has no name");
		else if (seen.has(name)) report.error("LTN1208", at, `the cookie attribute ${name} is there twice`);
		seen.add(name);
	}
}

function isPrime(value: number): boolean {
	for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
	return value > 1;
}

const LOCALITY_LABELS = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

function checkLocality(locality: Locality, path: FieldPath, report: Report): void {
	const distribute = locality.distribute ?? [];
	const failover = locality.failover ?? [];
	if (distribute.length > 0 && failover.length > 0)
		report.error("LTN1114", path, "distribute and failover exclude each other", "keep one");
	const doubled = (locality.failoverPriority ?? []).some((label) => LOCALITY_LABELS.includes(label.split("=")[0]!));
	if (failover.length > 0 && doubled)
		report.error(
			"LTN1114",
			path.field("failoverPriority"),
			"failover cannot be combined with region, zone and subzone priorities",
		);
	for (const [i, { from = "", to = {} }] of distribute.entries()) {
		const at = path.field("distribute").index(i);
		checkLocalityNames([from], at.field("from"), report);
		checkLocalityNames(Object.keys(to), at.field("to"), report);
		checkShares(Object.values(to), at.field("to"), report);
	}
	checkLocalityNames(
		distribute.map(({ from = "" }) => from),
		path.field("distribute"),
		report,
	);
	checkFailover(failover, path.field("failover"), report);
}

function checkShares(weights: readonly number[], path: FieldPath, report: Report): void {
	const sum = weights.reduce((total, weight) => total + weight, 0);
	if (weights.some((weight) => weight < 1 || weight > 100)) report.error("LTN1207", path, "weights are 1 to 100");
	if (weights.length > 0 && sum !== 100) report.error("LTN1207", path, `the weights add up to ${sum}, not 100`);
}

/** `region/zone/subzone` with a `*` at the end only; no locality may cover another. */
function checkLocalityNames(names: readonly string[], path: FieldPath, report: Report): void {
	for (const [i, name] of names.entries()) {
		const parts = name.split("/");
		if (parts.some((part) => part === "")) report.error("LTN1207", path, `${JSON.stringify(name)} has an empty part`);
		if (/\*./.test(name.replaceAll("*/", "*x")))
			report.error("LTN1207", path, `${JSON.stringify(name)} has a wildcard before its end`);
		const other = names.slice(0, i).find((earlier) => localitiesOverlap(earlier, name));
		if (other !== undefined) report.error("LTN1207", path, `${name} overlaps with ${other}`);
	}
}

function localitiesOverlap(a: string, b: string): boolean {
	const [x, y] = [a.split("/"), b.split("/")];
	for (let i = 0; i < Math.min(x.length, y.length); i++) {
		if (x[i] === "*" || y[i] === "*") return true;
		if (x[i] !== y[i]) return false;
	}
	return true;
}

function checkFailover(failover: Failover, path: FieldPath, report: Report): void {
	for (const [i, { from = "", to = "" }] of failover.entries()) {
		const at = path.index(i);
		if (from === to) report.error("LTN1207", at, `${from} cannot fail over to itself`);
		for (const name of ["from", "to"] as const)
			if (/[/*]/.test({ from, to }[name]))
				report.error("LTN1207", at.field(name), "failover names regions only, without / and *");
	}
}
