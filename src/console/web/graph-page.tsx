import { useState } from "react";
import type { MeshView } from "../view.ts";
import { edgeHealth, formatMs, formatRate, formatShare } from "./figures.ts";
import { type GraphEdge, type GraphNode, layoutGraph } from "./graph-layout.ts";

/** Who calls whom: workloads as boxes, calls as arrows with rate, share and latency of the last minute. */
export function GraphPage({ view }: { readonly view: MeshView }) {
	const [selected, setSelected] = useState<string>();
	if (view.edges.length === 0) {
		return (
			<p className="empty">
				No traffic in the last minute. Open the product page, or call a service with curl from a pod.
			</p>
		);
	}
	const graph = layoutGraph(view.edges);
	const edge = graph.edges.find((e) => e.id === selected);
	return (
		<div className="graph">
			<div className="canvas">
				<svg
					viewBox={`0 0 ${graph.width} ${graph.height}`}
					style={{ maxWidth: graph.width * 1.3, minWidth: graph.width * 0.75 }}
					role="img"
					aria-label="Traffic graph"
				>
					<title>Traffic graph</title>
					<defs>
						{["healthy", "degraded", "failing", "idle"].map((health) => (
							<marker
								key={health}
								id={`arrow-${health}`}
								className={health}
								viewBox="0 0 8 8"
								refX="7"
								refY="4"
								markerWidth="7"
								markerHeight="7"
								orient="auto"
							>
								<path d="M0 0 L8 4 L0 8 z" />
							</marker>
						))}
					</defs>
					{graph.edges.map((e) => (
						<EdgeArrow key={e.id} edge={e} selected={e.id === selected} />
					))}
					{graph.edges.map((e) => (
						<EdgeFigures key={e.id} edge={e} onSelect={() => setSelected(e.id)} />
					))}
					{graph.nodes.map((n) => (
						<NodeBox key={n.id} node={n} />
					))}
				</svg>
			</div>
			{edge && <EdgeDetails edge={edge} />}
		</div>
	);
}

function NodeBox({ node }: { readonly node: GraphNode }) {
	return (
		<g className="node" transform={`translate(${node.x - node.width / 2} ${node.y - node.height / 2})`}>
			<rect width={node.width} height={node.height} rx="9" />
			<text x={node.width / 2} y="20" className="title">
				{node.title}
			</text>
			<text x={node.width / 2} y="35" className="subtitle">
				{node.subtitle}
			</text>
		</g>
	);
}

function EdgeArrow({ edge, selected }: { readonly edge: GraphEdge; readonly selected: boolean }) {
	const health = edgeHealth(edge.traffic);
	return (
		<path
			d={curve(edge.points)}
			className={`arrow ${health}${selected ? " selected" : ""}`}
			markerEnd={`url(#arrow-${health})`}
		/>
	);
}

/** What is clicked: the arrow's surroundings and its figures, which stand above all arrows. */
function EdgeFigures({ edge, onSelect }: { readonly edge: GraphEdge; onSelect(): void }) {
	const { x, y, width, height, figures, latency } = edge.label;
	return (
		<a
			className="edge"
			href={`#${encodeURIComponent(edge.id)}`}
			onClick={(event) => {
				event.preventDefault();
				onSelect();
			}}
		>
			<path d={curve(edge.points)} className="hit" />
			<rect x={x - width / 2} y={y - height / 2} width={width} height={height} rx="4" />
			<text x={x} y={y - 3}>
				{figures}
			</text>
			<text x={x} y={y + 11} className="latency">
				{latency}
			</text>
		</a>
	);
}

function curve(points: readonly { x: number; y: number }[]): string {
	const [first, ...rest] = points;
	if (!first) return "";
	const smooth = rest.slice(0, -1).map((p, i) => {
		const next = rest[i + 1]!;
		return `Q${p.x} ${p.y} ${(p.x + next.x) / 2} ${(p.y + next.y) / 2}`;
	});
	const last = rest.at(-1) ?? first;
	return `M${first.x} ${first.y} ${smooth.join(" ")} L${last.x} ${last.y}`;
}

function EdgeDetails({ edge }: { readonly edge: GraphEdge }) {
	const { traffic } = edge;
	const rows: [string, string][] = [
		["Service", `${traffic.destination.service}.${traffic.destination.serviceNamespace}`],
		["Requests", formatRate(traffic.requestsPerSecond)],
		["Share of the caller's", formatShare(edge.share)],
		["Errors", formatShare(traffic.errorShare)],
		["p50", formatMs(traffic.p50Ms)],
		["p99", formatMs(traffic.p99Ms)],
		[
			"Codes",
			Object.entries(traffic.codes)
				.map(([code, n]) => `${code}: ${n}`)
				.join(", "),
		],
		["Flags", traffic.flags.join(", ") || "–"],
	];
	return (
		<aside>
			<h2>
				{edge.from} → {edge.to}
			</h2>
			<dl>
				{rows.map(([name, value]) => (
					<div key={name}>
						<dt>{name}</dt>
						<dd>{value}</dd>
					</div>
				))}
			</dl>
		</aside>
	);
}
