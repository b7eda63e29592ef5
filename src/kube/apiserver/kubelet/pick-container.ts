import type { KubeObject } from "../../../kinds/object.ts";
import { badRequest } from "../http/api-error.ts";

interface Named {
	readonly name: string;
}

interface PodSpec {
	readonly containers?: readonly Named[];
	readonly initContainers?: readonly Named[];
	readonly ephemeralContainers?: readonly Named[];
}

const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** The container that a log, exec or attach request means; throws 400 with Kubernetes' texts when that is not clear. */
export function pickContainer(pod: KubeObject, asked: string): string {
	const { containers = [], initContainers = [], ephemeralContainers = [] } = (pod.spec ?? {}) as PodSpec;
	const { name } = pod.metadata;
	if (asked !== "") {
		if ([...containers, ...initContainers, ...ephemeralContainers].some((container) => container.name === asked))
			return asked;
		throw badRequest(`container ${asked} is not valid for pod ${name}`);
	}
	const preferred = pod.metadata.annotations?.[DEFAULT_CONTAINER];
	if (containers.length === 1) return containers[0]!.name;
	if (preferred !== undefined && containers.some((container) => container.name === preferred)) return preferred;
	if (containers.length === 0) throw badRequest(`a container name must be specified for pod ${name}`);
	const names = (list: readonly Named[]) => list.map((container) => container.name).join(" ");
	const choices = `choose one of: [${names(containers)}]`;
	const init = initContainers.length > 0 ? ` or one of the init containers: [${names(initContainers)}]` : "";
	throw badRequest(`a container name must be specified for pod ${name}, ${choices}${init}`);
}
