import type { Snapshot } from "../model/snapshot.ts";
import type { ConnectedProxy } from "./connected-proxy.ts";
import type { ProxyCheck } from "./proxy-check.ts";

/** What outbound configuration depends on in a client: proxies of one class share every resource, and its bytes. */
export interface ClientClass {
	readonly key: string;
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly extensions: ReadonlySet<string>;
	readonly check: ProxyCheck;
}

/** Labels count only where some rule looks at them. */
export function clientClass(proxy: ConnectedProxy, snapshot: Snapshot): ClientClass {
	const { namespace, extensions, check } = proxy;
	const labels = labelsMatter(snapshot) ? proxy.labels : {};
	const labelText = Object.entries(labels).sort().join(";");
	const key = [namespace, labelText, [...extensions].sort().join(","), check.userAgent].join("|");
	return { key, namespace, labels, extensions, check };
}

const answers = new WeakMap<Snapshot, boolean>();

function labelsMatter(snapshot: Snapshot): boolean {
	let answer = answers.get(snapshot);
	if (answer === undefined) {
		const bySource = snapshot.virtualServices.some((vs) =>
			vs.http.some((rule) => rule.match.some((m) => Object.keys(m.sourceLabels).length > 0)),
		);
		answer = bySource || snapshot.destinationRules.some((rule) => rule.workloadSelector !== undefined);
		answers.set(snapshot, answer);
	}
	return answer;
}
