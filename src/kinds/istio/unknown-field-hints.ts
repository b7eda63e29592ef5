import type { JsonSchema, KindDefinition } from "../definition.ts";
import { resolveSchema } from "../schema/built-in-schemas.ts";
import { itemSchema, memberSchema } from "../schema/schema-path.ts";

/** Fields of older API forms that people still copy, and where their meaning went: kind and path without indexes. */
const RENAMED: Readonly<Record<string, string>> = {
	"DestinationRule spec.name": "the service is named by spec.host",
	"VirtualService spec.http.appendHeaders": "headers are added by headers.request.add",
	"VirtualService spec.http.appendRequestHeaders": "headers are added by headers.request.add",
	"VirtualService spec.http.removeRequestHeaders": "headers are removed by headers.request.remove",
	"VirtualService spec.http.appendResponseHeaders": "headers are added by headers.response.add",
	"VirtualService spec.http.removeResponseHeaders": "headers are removed by headers.response.remove",
	"VirtualService spec.http.websocketUpgrade": "delete it: WebSocket always works",
	"VirtualService spec.http.route.destination.name": "the service is named by destination.host",
	"VirtualService spec.http.route.destination.port.name": "ports are given by port.number",
	"VirtualService spec.http.route.labels": "name a subset in destination.subset and declare it in a DestinationRule",
	"DestinationRule spec.trafficPolicy.outlierDetection.http": "its fields stand in outlierDetection itself",
	"ServiceEntry spec.discovery": "use spec.resolution",
};

/** What to write instead of an unknown field, as one sentence without a full stop; empty when nothing comes near. */
export function unknownFieldHint(kind: KindDefinition, path: string): string {
	const plain = path.replace(/\[\d+\]/g, "");
	const renamed = RENAMED[`${kind.kind} ${plain}`];
	if (renamed !== undefined) return renamed;
	const steps = plain.split(".");
	const name = steps.pop()!;
	const known = Object.keys(schemaAt(kind.schema, steps)?.properties ?? {});
	const nearest = known
		.map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
		.sort((a, b) => a.distance - b.distance)[0];
	return nearest && nearest.distance <= Math.max(1, Math.floor(name.length / 3))
		? `did you mean ${nearest.candidate}`
		: "";
}

function schemaAt(root: JsonSchema, steps: readonly string[]): JsonSchema | undefined {
	let node: JsonSchema | undefined = resolveSchema(root);
	for (const step of steps) {
		const container: JsonSchema | undefined = node && (itemSchema(node) ?? node);
		node = container && memberSchema(container, step);
	}
	return node && (itemSchema(node) ?? node);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
			next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, substitution));
		}
		row = next;
	}
	return row[b.length]!;
}
