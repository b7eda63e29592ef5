import type { MeshView, RuleView } from "../view.ts";
import { formatMs, formatRate, formatShare, healthOf } from "./figures.ts";

export function ServicesPage({ view }: { readonly view: MeshView }) {
	return (
		<table>
			<thead>
				<tr>
					{["", "Service", "Namespace", "Ports", "Endpoints", "Requests", "Errors", "p50", "p99", "Rules"].map((h) => (
						<th key={h}>{h}</th>
					))}
				</tr>
			</thead>
			<tbody>
				{view.services.map((s) => (
					<tr key={`${s.namespace}/${s.name}`}>
						<td>
							<span className={`dot ${healthOf(s)}`} title={healthOf(s)} />
						</td>
						<td className="strong">{s.name}</td>
						<td>{s.namespace}</td>
						<td className="wrap">{s.ports.join(", ")}</td>
						<td className={s.endpointsReady < s.endpointsTotal ? "bad" : ""}>
							{s.endpointsReady}/{s.endpointsTotal}
						</td>
						<td className="number">{formatRate(s.requestsPerSecond)}</td>
						<td className={`number ${s.errorShare > 0 ? "bad" : ""}`}>
							{s.requestsPerSecond > 0 ? formatShare(s.errorShare) : "–"}
						</td>
						<td className="number">{formatMs(s.p50Ms)}</td>
						<td className="number">{formatMs(s.p99Ms)}</td>
						<td className="wrap">{s.rules.join(", ")}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

export function RulesPage({ view }: { readonly view: MeshView }) {
	if (view.rules.length === 0)
		return <p className="empty">No rules yet: traffic is spread evenly over the pods of each service.</p>;
	return (
		<div className="rules">
			{view.rules.map((rule) => (
				<Rule key={`${rule.kind} ${rule.namespace}/${rule.name}`} rule={rule} />
			))}
		</div>
	);
}

function Rule({ rule }: { readonly rule: RuleView }) {
	return (
		<details>
			<summary>
				<span className="kind">{rule.kind}</span>
				<span className="strong">{rule.name}</span>
				<span className="muted">{rule.namespace}</span>
				<span>{rule.summary}</span>
			</summary>
			<pre>{rule.yaml}</pre>
		</details>
	);
}

export function ProxiesPage({ view }: { readonly view: MeshView }) {
	if (view.proxies.length === 0)
		return (
			<p className="empty">No pod has a proxy. Label a namespace istio-injection=enabled and restart its workloads.</p>
		);
	return (
		<table>
			<thead>
				<tr>
					<th />
					{["Proxy", "Address", "Ready", "Clusters", "Endpoints", "Listeners", "Routes"].map((h) => (
						<th key={h}>{h}</th>
					))}
					<th />
				</tr>
			</thead>
			<tbody>
				{view.proxies.map((p) => (
					<tr key={p.name}>
						<td>
							<span className={`dot ${SYNC_HEALTH[p.sync]}`} title={p.sync} />
						</td>
						<td className="strong">{p.name}</td>
						<td>{p.podIp ?? "–"}</td>
						<td>{p.ready ? "yes" : "no"}</td>
						{["CDS", "EDS", "LDS", "RDS"].map((type) => (
							<td key={type} title={p.types.find((t) => t.type === type)?.error ?? ""}>
								{p.types.find((t) => t.type === type)?.state ?? p.sync}
							</td>
						))}
						<td>{p.adminUrl && <a href={p.adminUrl}>admin</a>}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

const SYNC_HEALTH = { SYNCED: "healthy", STALE: "degraded", ERROR: "failing", "NOT CONNECTED": "failing" } as const;
