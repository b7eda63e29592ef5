import type { KubeObject } from "../object.ts";
import { type JsonObject, objectIn } from "../schema/schema-path.ts";

/** Metrics that v1 cannot say travel in this annotation, as upstream's conversion has it. */
export const METRICS_ANNOTATION = "autoscaling.alpha.kubernetes.io/metrics";

/** Turns a HorizontalPodAutoscaler into `version` (v1 knows one CPU target, v2 any metrics). */
export function convertAutoscaler(autoscaler: KubeObject, version: string): KubeObject {
	return version === "v1" ? toV1(autoscaler) : toV2(autoscaler);
}

function isCpu(metric: JsonObject): boolean {
	const resource = objectIn(metric, "resource");
	return resource.name === "cpu" && objectIn(resource, "target").averageUtilization !== undefined;
}

function toV1(autoscaler: KubeObject): KubeObject {
	const { metrics, behavior: _, ...spec } = objectIn(autoscaler, "spec");
	const { currentMetrics, conditions: __, ...status } = objectIn(autoscaler, "status");
	const list = (Array.isArray(metrics) ? metrics : []) as JsonObject[];
	const cpu = list.find(isCpu);
	const rest = list.filter((metric) => metric !== cpu);
	if (cpu) spec.targetCPUUtilizationPercentage = objectIn(objectIn(cpu, "resource"), "target").averageUtilization;
	const measured = ((Array.isArray(currentMetrics) ? currentMetrics : []) as JsonObject[])
		.map((metric) => objectIn(objectIn(metric, "resource"), "current").averageUtilization)
		.find((value) => value !== undefined);
	if (measured !== undefined) status.currentCPUUtilizationPercentage = measured;
	const metadata = { ...autoscaler.metadata };
	if (rest.length > 0) metadata.annotations = { ...metadata.annotations, [METRICS_ANNOTATION]: JSON.stringify(rest) };
	return { ...autoscaler, apiVersion: "autoscaling/v1", metadata, spec, status };
}

function toV2(autoscaler: KubeObject): KubeObject {
	const { targetCPUUtilizationPercentage: target, ...spec } = objectIn(autoscaler, "spec");
	const { currentCPUUtilizationPercentage: current, ...status } = objectIn(autoscaler, "status");
	const { [METRICS_ANNOTATION]: kept, ...annotations } = autoscaler.metadata.annotations ?? {};
	const cpu = target === undefined ? [] : [cpuMetric("target", { type: "Utilization", averageUtilization: target })];
	const metrics = [...cpu, ...parseMetrics(kept)];
	if (metrics.length > 0) spec.metrics = metrics;
	if (current !== undefined) status.currentMetrics = [cpuMetric("current", { averageUtilization: current })];
	const metadata = { ...autoscaler.metadata };
	if (metadata.annotations) metadata.annotations = annotations;
	return { ...autoscaler, apiVersion: "autoscaling/v2", metadata, spec, status };
}

function cpuMetric(member: "target" | "current", value: JsonObject): JsonObject {
	return { type: "Resource", resource: { name: "cpu", [member]: value } };
}

/** The annotation is a user's to write: what is no list of metrics is left out. */
function parseMetrics(text: string | undefined): JsonObject[] {
	if (text === undefined) return [];
	try {
		const parsed: unknown = JSON.parse(text);
		return Array.isArray(parsed) ? parsed : [];
	} catch {
		return []; // as upstream: an unreadable annotation carries no metrics
	}
}
