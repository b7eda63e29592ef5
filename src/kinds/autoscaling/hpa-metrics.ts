import type { KubeObject } from "../object.ts";
import { at, listAt } from "../table/columns.ts";

type Json = Readonly<Record<string, unknown>>;

const MAX_SHOWN = 2;

const MEMBER: Readonly<Record<string, string>> = {
	Resource: "resource",
	ContainerResource: "containerResource",
	Pods: "pods",
	Object: "object",
	External: "external",
};

/** TARGETS of a HorizontalPodAutoscaler: `cpu: 10%/80%`, `<unknown>` while nothing is measured. */
export function formatMetrics(autoscaler: KubeObject): string {
	const specs = listAt<Json>(autoscaler, "spec.metrics");
	if (specs.length === 0) return "<none>";
	const statuses = listAt<Json>(autoscaler, "status.currentMetrics");
	const texts = specs.map((spec, i) => formatMetric(spec, statuses[i] ?? {}));
	const shown = texts.slice(0, MAX_SHOWN).join(", ");
	return texts.length > MAX_SHOWN ? `${shown} + ${texts.length - MAX_SHOWN} more...` : shown;
}

function formatMetric(spec: Json, status: Json): string {
	const member = MEMBER[String(spec.type)];
	if (member === undefined) return "<unknown type>";
	const target = at(spec, `${member}.target`) as Json | undefined;
	const current = at(status, `${member}.current`) as Json | undefined;
	const value = (name: string) => String(current?.[name] ?? "<unknown>");
	if (member === "pods") return `${value("averageValue")}/${target?.averageValue}`;
	if (member === "object" || member === "external") {
		return target?.averageValue !== undefined
			? `${value("averageValue")}/${target.averageValue} (avg)`
			: `${value("value")}/${target?.value}`;
	}
	const name = at(spec, `${member}.name`);
	if (target?.averageValue !== undefined) return `${name}: ${value("averageValue")}/${target.averageValue}`;
	const used = current?.averageUtilization;
	const wanted = target?.averageUtilization;
	return `${name}: ${used === undefined ? "<unknown>" : `${used}%`}/${wanted === undefined ? "<auto>" : `${wanted}%`}`;
}
