import { builtinKind } from "../builtin-kind.ts";
import type { KubeObject } from "../object.ts";
import { isObject } from "../schema/schema-path.ts";
import { AGE, text, textAt, wide } from "../table/columns.ts";
import { applyPodDefaults, applyPodSpecDefaults, setText } from "./pod-defaults.ts";
import { fieldText, formatReadinessGates, formatRestarts, podAddress, qosClass, summarisePod } from "./pod-status.ts";
import { validatePod } from "./pod-validation.ts";

const orNone = (value: string) => value || "<none>";

const selectable = (path: string) => [path, (pod: KubeObject) => fieldText(pod, path)] as const;

/** Pod of the core group. */
export const Pod = builtinKind({
	group: "",
	kind: "Pod",
	columns: [
		text("Ready", (pod) => {
			const { ready, total } = summarisePod(pod);
			return `${ready}/${total}`;
		}),
		text("Status", (pod) => summarisePod(pod).status),
		text("Restarts", (pod, now) => formatRestarts(summarisePod(pod), now)),
		AGE,
		wide(text("IP", podAddress)),
		wide(text("Node", (pod) => orNone(textAt(pod, "spec.nodeName")))),
		wide(text("Nominated Node", (pod) => orNone(textAt(pod, "status.nominatedNodeName")))),
		wide(text("Readiness Gates", formatReadinessGates)),
	],
	fields: {
		...Object.fromEntries(
			[
				"spec.nodeName",
				"spec.restartPolicy",
				"spec.schedulerName",
				"spec.serviceAccountName",
				"status.phase",
				"status.podIP",
				"status.nominatedNodeName",
			].map(selectable),
		),
		"spec.hostNetwork": (pod) => fieldText(pod, "spec.hostNetwork") || "false",
	},
	applyDefaults(pod) {
		if (!isObject(pod.spec)) return;
		applyPodSpecDefaults(pod.spec);
		applyPodDefaults(pod.spec);
		const status = isObject(pod.status) ? pod.status : {};
		setText(status, "phase", "Pending");
		status.qosClass = qosClass(pod); // injected containers count too
		pod.status = status;
	},
	validate: (pod, old) => ({ errors: validatePod(pod, old), warnings: [] }),
});
