import dagre from "@dagrejs/dagre";
import type { EdgeView } from "../view.ts";
import { formatMs, formatRate, formatShare } from "./figures.ts";

export interface GraphNode {
	readonly id: string;
	readonly title: string;
	readonly subtitle: string;
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
}

export interface GraphEdge {
	readonly id: string;
	readonly from: string;
	readonly to: string;
	readonly points: readonly { readonly x: number; readonly y: number }[];
	readonly label: EdgeLabel;
	readonly traffic: EdgeView;
	/** Part of the source's requests to this service that takes this edge, 0..1. */
	readonly share: number;
}

/** Two lines of figures around the middle of an edge. */
export interface EdgeLabel {
	readonly figures: string;
	readonly latency: string;
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
}

export interface Graph {
	readonly nodes: readonly GraphNode[];
	readonly edges: readonly GraphEdge[];
	readonly width: number;
	readonly height: number;
}

const NODE_HEIGHT = 46;
const CHARACTER_WIDTH = 7.4;
const LABEL_HEIGHT = 32;
const LABEL_CHARACTER_WIDTH = 5.7;

/** Places workloads (versions apart) in layers from callers to callees, and room for each edge's label between them. */
export function layoutGraph(edges: readonly EdgeView[]): Graph {
	const graph = new dagre.graphlib.Graph({ multigraph: true });
	graph.setGraph({ rankdir: "LR", nodesep: 22, edgesep: 14, ranksep: 60, marginx: 24, marginy: 24 });
	graph.setDefaultEdgeLabel(() => ({}));
	const titles = new Map<string, { title: string; subtitle: string }>();
	for (const edge of edges) {
		for (const end of [sourceNode(edge), destinationNode(edge)]) titles.set(end.id, end);
	}
	for (const [id, { title, subtitle }] of [...titles].sort(([a], [b]) => a.localeCompare(b))) {
		graph.setNode(id, { width: 34 + CHARACTER_WIDTH * Math.max(title.length, subtitle.length), height: NODE_HEIGHT });
	}
	const labels = new Map(edges.map((edge) => [edge, labelOf(edge, shareOf(edge, edges))]));
	for (const edge of edges) {
		const label = { ...labels.get(edge), labelpos: "c" };
		graph.setEdge(sourceNode(edge).id, destinationNode(edge).id, label, edge.destination.service);
	}
	dagre.layout(graph);
	const { width = 0, height = 0 } = graph.graph();
	return {
		width,
		height,
		nodes: graph.nodes().map((id: string) => ({ id, ...titles.get(id)!, ...box(graph.node(id)) })),
		edges: edges.map((traffic) => {
			const [from, to] = [sourceNode(traffic).id, destinationNode(traffic).id];
			const { points = [], x = 0, y = 0 } = graph.edge(from, to, traffic.destination.service);
			return {
				id: `${from}→${to}→${traffic.destination.service}`,
				from,
				to,
				points,
				label: { ...labels.get(traffic)!, x, y },
				traffic,
				share: shareOf(traffic, edges),
			};
		}),
	};
}

function labelOf({ requestsPerSecond, errorShare, p99Ms }: EdgeView, share: number) {
	const parts = [formatRate(requestsPerSecond)];
	if (share < 0.995) parts.push(formatShare(share));
	if (errorShare > 0) parts.push(`${formatShare(errorShare)} errors`);
	const figures = parts.join(" · ");
	const latency = `p99 ${formatMs(p99Ms)}`;
	const width = LABEL_CHARACTER_WIDTH * Math.max(figures.length, latency.length) + 8;
	return { figures, latency, width, height: LABEL_HEIGHT };
}

function box({ x = 0, y = 0, width = 0, height = 0 }: { x?: number; y?: number; width?: number; height?: number }) {
	return { x, y, width, height };
}

function sourceNode({ source }: EdgeView) {
	const id = `${source.workload}.${source.namespace}`;
	const known = source.workload !== "unknown";
	return { id, title: known ? source.workload : "outside the mesh", subtitle: known ? source.namespace : "no proxy" };
}

function destinationNode({ destination }: EdgeView) {
	const known = destination.workload !== "unknown";
	const unrouted = destination.service === "unknown";
	const title = known ? destination.workload : unrouted ? "no route" : destination.service;
	const namespace = known ? destination.namespace : destination.serviceNamespace;
	return {
		id: `${title}.${namespace}`,
		title,
		subtitle: known ? namespace : unrouted ? "the proxy answered" : "no workload answered",
	};
}

function shareOf(edge: EdgeView, all: readonly EdgeView[]): number {
	const sameCall = all.filter(
		(e) => sourceNode(e).id === sourceNode(edge).id && e.destination.service === edge.destination.service,
	);
	return edge.requestsPerSecond / sameCall.reduce((sum, e) => sum + e.requestsPerSecond, 0);
}
