import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { OrcaLoadReportSchema } from "../../../xds/generated/xds/data/orca/v3/orca_load_report_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";

/** What an endpoint says of its load (ORCA: OrcaLoadReport). */
export interface LoadReport {
	rpsFractional: number;
	eps: number;
	cpuUtilization: number;
	memUtilization: number;
	applicationUtilization: number;
	readonly namedMetrics: { [key: string]: number };
	readonly utilization: { [key: string]: number };
}

const HEADER = "endpoint-load-metrics";
const BINARY_HEADER = "endpoint-load-metrics-bin";

type Metric = Exclude<keyof LoadReport, "namedMetrics" | "utilization">;

const FIELDS: Readonly<Record<string, Metric>> = {
	cpu_utilization: "cpuUtilization",
	mem_utilization: "memUtilization",
	application_utilization: "applicationUtilization",
	eps: "eps",
	rps_fractional: "rpsFractional",
};

/** True when a response's headers or trailers have a report, be it broken. */
export function hasLoadReport(headers: HeaderMap): boolean {
	return headers.has(HEADER) || headers.has(BINARY_HEADER);
}

/** Reads the report of a response's headers or trailers; undefined when it is broken or there is none (Envoy: parseOrcaLoadReportHeaders). */
export function parseLoadReport(headers: HeaderMap): LoadReport | undefined {
	const binary = headers.get(BINARY_HEADER);
	if (binary !== undefined) return decode(binary);
	const text = headers.get(HEADER);
	if (text === undefined) return undefined;
	const space = text.indexOf(" ");
	const rest = text.slice(space + 1);
	switch (text.slice(0, Math.max(0, space))) {
		case "TEXT":
			return parseText(rest);
		case "JSON":
			return orUndefined(() => fromJsonString(OrcaLoadReportSchema, rest, { ignoreUnknownFields: true }));
		case "BIN":
			return decode(rest);
		default:
			return undefined;
	}
}

function decode(base64: string): LoadReport | undefined {
	return orUndefined(() => fromBinary(OrcaLoadReportSchema, base64Decode(base64)));
}

/** An endpoint's broken report is no report. */
function orUndefined(read: () => LoadReport): LoadReport | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}

/** `cpu_utilization=0.3, named_metrics.queue=2`; one bad or doubled metric makes all of it bad. */
function parseText(text: string): LoadReport | undefined {
	const report: LoadReport = {
		rpsFractional: 0,
		eps: 0,
		cpuUtilization: 0,
		memUtilization: 0,
		applicationUtilization: 0,
		namedMetrics: {},
		utilization: {},
	};
	const seen = new Set<string>();
	for (const part of text.split(",")) {
		const item = part.trim();
		const at = item.search(/[=:]/);
		const name = item.slice(0, Math.max(0, at)).trim();
		const digits = item.slice(at + 1).trim();
		const value = Number(digits);
		if (name === "" || digits === "" || !Number.isFinite(value) || seen.has(name)) return undefined;
		seen.add(name);
		if (name.startsWith("named_metrics.")) report.namedMetrics[name.slice("named_metrics.".length)] = value;
		else if (FIELDS[name]) report[FIELDS[name]] = value;
		else return undefined;
	}
	return report;
}

/** The highest of the metrics named, by Envoy's names (`cpu_utilization`, `named_metrics.x`, `utilization.*`); 0 when none is there. */
export function highestMetric(report: LoadReport, names: readonly string[]): number {
	let highest = 0;
	for (const name of names) for (const value of metricsOf(report, name)) highest = Math.max(highest, value);
	return highest;
}

function metricsOf(report: LoadReport, name: string): readonly number[] {
	const field = FIELDS[name];
	if (field) return [report[field]];
	const dot = name.indexOf(".");
	const prefix = name.slice(0, Math.max(0, dot));
	const map = prefix === "named_metrics" ? report.namedMetrics : prefix === "utilization" ? report.utilization : {};
	const key = name.slice(dot + 1);
	if (key === "*") return Object.values(map);
	const value = map[key];
	return value === undefined ? [] : [value];
}
