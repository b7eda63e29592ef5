import type { KubeObject } from "../../../kinds/object.ts";
import type { AdmissionPlugin } from "../admission.ts";
import { forbidden } from "../http/api-error.ts";
import type { Store } from "../store/store.ts";

const CLASSES = "scheduling.k8s.io/priorityclasses";
const PODS = { group: "", plural: "pods" };
const DEFAULT_POLICY = "PreemptLowerPriority";
const TOLERATED_SECONDS = 300;
const NODE_CONDITIONS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

interface Toleration {
	readonly key?: string;
	readonly operator?: string;
	readonly effect?: string;
	readonly tolerationSeconds?: number;
}

interface PodSpec {
	readonly priorityClassName?: string;
	readonly priority?: number;
	readonly preemptionPolicy?: string;
	readonly tolerations?: readonly Toleration[];
}

/** Gives every new pod its priority, by its class, and the tolerations that Kubernetes gives; a class that does not exist is refused (403). */
export function podPriorityAdmission(store: Store): AdmissionPlugin {
	return {
		name: "Priority",
		mutate({ operation, group, plural, subresource, object, name }) {
			if (operation !== "CREATE" || group !== "" || plural !== "pods" || subresource !== "" || !object?.spec)
				return undefined;
			const spec = object.spec as PodSpec;
			const priority = priorityOf(store, spec, name);
			return { ...object, spec: { ...spec, ...priority, tolerations: withDefaults(spec.tolerations ?? []) } };
		},
	};
}

function priorityOf(store: Store, spec: PodSpec, podName: string): Partial<PodSpec> {
	const found = findClass(store, spec.priorityClassName);
	if (spec.priorityClassName && !found)
		throw forbidden(PODS, podName, `no PriorityClass with name ${spec.priorityClassName} was found`);
	const priority = Number(found?.value ?? 0);
	if (spec.priority !== undefined && spec.priority !== priority) {
		const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`;
		throw forbidden(PODS, podName, why);
	}
	return {
		...(found ? { priorityClassName: found.metadata.name } : {}),
		priority,
		preemptionPolicy: spec.preemptionPolicy ?? String(found?.preemptionPolicy ?? DEFAULT_POLICY),
	};
}

/** The named class; without a name the one that is the default of the cluster, if any. */
function findClass(store: Store, name: string | undefined): KubeObject | undefined {
	const classes = store.list(CLASSES).map(({ object }) => object);
	return classes.find((one) => (name ? one.metadata.name === name : one.globalDefault === true));
}

function withDefaults(tolerations: readonly Toleration[]): Toleration[] {
	const missing = NODE_CONDITIONS.filter((key) => !tolerations.some((toleration) => covers(toleration, key)));
	const added = missing.map((key) => ({
		key,
		operator: "Exists",
		effect: "NoExecute",
		tolerationSeconds: TOLERATED_SECONDS,
	}));
	return [...tolerations, ...added];
}

function covers({ key, effect }: Toleration, condition: string): boolean {
	return (!key || key === condition) && (!effect || effect === "NoExecute");
}
