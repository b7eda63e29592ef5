import { KubeApiError, type KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Door } from "./door-plan.ts";

/** On a Service whose LoadBalancer ports had to move: `80:8080,443:8443`. */
export const OPENED_PORTS_ANNOTATION = "lateen.dev/opened-ports";

/** Writes on each LoadBalancer Service where its low ports were really opened, and takes it off when they are themselves again. */
export async function annotateOpenedPorts(
	client: KubeClient,
	doors: Iterable<Door>,
	openedPort: (key: string) => number | undefined,
	log: Log,
): Promise<void> {
	const balanced = [...doors].filter(({ kind }) => kind === "LoadBalancer");
	for (const [service, own] of Map.groupBy(balanced, (door) => door.service)) {
		const moved = own.flatMap(({ key, port }) => {
			const opened = openedPort(key);
			return opened === undefined || opened === port ? [] : [`${port}:${opened}`];
		});
		await annotate(client, service, moved.sort().join(",") || null, log);
	}
}

async function annotate(client: KubeClient, service: Door["service"], text: string | null, log: Log): Promise<void> {
	const { object, name, namespace } = service;
	if ((object.metadata.annotations?.[OPENED_PORTS_ANNOTATION] ?? null) === text) return;
	const patch = { metadata: { annotations: { [OPENED_PORTS_ANNOTATION]: text } } };
	try {
		await client.patch(RESOURCES.services, name, patch, { namespace });
	} catch (error) {
		if (error instanceof KubeApiError && error.code === 404) return;
		log.warn({ err: error, service: `${namespace}/${name}` }, "the opened ports could not be written on the Service");
	}
}
