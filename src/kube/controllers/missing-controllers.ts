import type { KubeObject } from "../../kinds/object.ts";
import type { ResourceRef } from "../client/kube-client.ts";
import { type Controller, type ControllerContext, contextRecorder } from "./controller-context.ts";
import { discoverResources, resourceId } from "./discover-resources.ts";

/** Kinds that the API server takes but nothing here acts on. */
const UNATTENDED = new Set(["apps/statefulsets", "apps/daemonsets", "batch/jobs", "batch/cronjobs"]);

/** Tells whoever makes an object of a kind that nothing acts on, by a Warning event on it, instead of leaving them to wait. */
export function startMissingControllers(context: ControllerContext): Controller {
	const recorder = contextRecorder(context, "lateen");
	const stops: (() => void)[] = [];
	let stopped = false;
	const follow = (ref: ResourceRef) => {
		const informer = context.client.informer<KubeObject>(ref);
		informer.onChange(({ type, object }) => {
			if (type !== "added") return;
			const message = `Lateen does not run ${object.kind}s yet: no pods will be made; use a Deployment`;
			recorder.record(object, { type: "Warning", reason: "ControllerMissing", message });
		});
		informer.start();
		stops.push(informer.stop);
	};
	discoverResources(context.client).then(
		(resources) => {
			if (!stopped) for (const ref of resources) if (UNATTENDED.has(resourceId(ref))) follow(ref);
		},
		(error: unknown) => context.log.warn({ err: error }, "the kinds that nothing acts on could not be found out"),
	);
	return {
		async stop() {
			stopped = true;
			for (const stop of stops) stop();
		},
	};
}
