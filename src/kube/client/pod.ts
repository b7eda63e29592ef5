import type { KubeObject } from "../../kinds/object.ts";

/** Views of the core kinds: the members that Lateen's own parts read; unknown members stay where they are. */
export interface Pod extends KubeObject {
	spec: PodSpec;
	status?: PodStatus;
}

export interface PodSpec {
	containers: Container[];
	initContainers?: Container[];
	nodeName?: string;
	nodeSelector?: Record<string, string>;
	tolerations?: Toleration[];
	schedulerName?: string;
	schedulingGates?: { name: string }[];
	serviceAccountName?: string;
	restartPolicy?: "Always" | "OnFailure" | "Never";
	terminationGracePeriodSeconds?: number;
	activeDeadlineSeconds?: number;
	hostname?: string;
	hostNetwork?: boolean;
	enableServiceLinks?: boolean;
	readinessGates?: { conditionType: string }[];
	volumes?: Volume[];
	[member: string]: unknown;
}

export interface Container {
	name: string;
	image?: string;
	command?: string[];
	args?: string[];
	workingDir?: string;
	env?: EnvVar[];
	envFrom?: EnvFromSource[];
	ports?: ContainerPort[];
	volumeMounts?: VolumeMount[];
	resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
	livenessProbe?: Probe;
	readinessProbe?: Probe;
	startupProbe?: Probe;
	lifecycle?: { postStart?: ProbeHandler; preStop?: ProbeHandler & { sleep?: { seconds: number } } };
	/** Only on init containers: `Always` makes it a native sidecar. */
	restartPolicy?: string;
	imagePullPolicy?: string;
	terminationMessagePath?: string;
	terminationMessagePolicy?: string;
	/** Keep its standard input open for clients that attach. */
	stdin?: boolean;
	/** The input is at its end when the first such client leaves. */
	stdinOnce?: boolean;
	[member: string]: unknown;
}

export interface ContainerPort {
	name?: string;
	containerPort: number;
	protocol?: string;
}

export interface EnvVar {
	name: string;
	value?: string;
	valueFrom?: {
		fieldRef?: { fieldPath: string };
		resourceFieldRef?: { containerName?: string; resource: string; divisor?: string };
		configMapKeyRef?: KeyRef;
		secretKeyRef?: KeyRef;
	};
}

export interface KeyRef {
	name: string;
	key: string;
	optional?: boolean;
}

export interface EnvFromSource {
	prefix?: string;
	configMapRef?: { name: string; optional?: boolean };
	secretRef?: { name: string; optional?: boolean };
}

export interface VolumeMount {
	name: string;
	mountPath: string;
	subPath?: string;
	readOnly?: boolean;
}

export interface KeyToPath {
	key: string;
	path: string;
	mode?: number;
}

export interface DownwardItem {
	path: string;
	fieldRef?: { fieldPath: string };
	resourceFieldRef?: { containerName?: string; resource: string; divisor?: string };
}

export interface VolumeProjection {
	configMap?: { name: string; items?: KeyToPath[]; optional?: boolean };
	secret?: { name: string; items?: KeyToPath[]; optional?: boolean };
	downwardAPI?: { items?: DownwardItem[] };
	serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number };
}

export interface Volume {
	name: string;
	emptyDir?: object;
	hostPath?: { path: string; type?: string };
	configMap?: { name: string; items?: KeyToPath[]; optional?: boolean; defaultMode?: number };
	secret?: { secretName: string; items?: KeyToPath[]; optional?: boolean; defaultMode?: number };
	downwardAPI?: { items?: DownwardItem[] };
	projected?: { sources?: VolumeProjection[] };
	[kind: string]: unknown;
}

export interface ProbeHandler {
	exec?: { command?: string[] };
	httpGet?: {
		path?: string;
		port: number | string;
		host?: string;
		scheme?: string;
		httpHeaders?: { name: string; value: string }[];
	};
	tcpSocket?: { port: number | string; host?: string };
	grpc?: { port: number; service?: string };
}

export interface Probe extends ProbeHandler {
	initialDelaySeconds?: number;
	periodSeconds?: number;
	timeoutSeconds?: number;
	successThreshold?: number;
	failureThreshold?: number;
	terminationGracePeriodSeconds?: number;
}

export interface Toleration {
	key?: string;
	operator?: string;
	value?: string;
	effect?: string;
}

export interface Condition {
	type: string;
	status: "True" | "False" | "Unknown";
	reason?: string;
	message?: string;
	lastTransitionTime?: string | null;
	lastUpdateTime?: string;
	lastProbeTime?: string | null;
	observedGeneration?: number;
}

export interface PodStatus {
	phase?: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
	reason?: string;
	message?: string;
	podIP?: string;
	podIPs?: { ip: string }[];
	hostIP?: string;
	hostIPs?: { ip: string }[];
	startTime?: string;
	qosClass?: string;
	conditions?: Condition[];
	containerStatuses?: ContainerStatus[];
	initContainerStatuses?: ContainerStatus[];
	[member: string]: unknown;
}

export interface ContainerStatus {
	name: string;
	state: ContainerState;
	lastState: ContainerState;
	ready: boolean;
	started?: boolean;
	restartCount: number;
	image: string;
	imageID: string;
	containerID?: string;
}

export interface ContainerState {
	waiting?: { reason: string; message?: string };
	running?: { startedAt: string };
	terminated?: TerminatedState;
}

export interface TerminatedState {
	exitCode: number;
	signal?: number;
	reason: string;
	message?: string;
	startedAt?: string;
	finishedAt?: string;
	containerID?: string;
}

/** The condition of that type, if the object has it. */
export function conditionOf(
	object: { status?: { conditions?: Condition[] } } | undefined,
	type: string,
): Condition | undefined {
	return object?.status?.conditions?.find((condition) => condition.type === type);
}

/** Whether the pod may get traffic: its Ready condition. */
export function isPodReady(pod: Pod): boolean {
	return conditionOf(pod, "Ready")?.status === "True";
}

/** Whether the pod will never run again. */
export function isPodTerminal(pod: Pod): boolean {
	return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
