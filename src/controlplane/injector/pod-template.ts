/** The parts of a pod that injection reads and writes; everything else is carried along. */
export interface PodSpec {
	containers?: Container[];
	initContainers?: Container[];
	serviceAccountName?: string;
	hostNetwork?: boolean;
	[member: string]: unknown;
}

export interface Container {
	name: string;
	image?: string;
	args?: string[];
	env?: EnvVar[];
	ports?: { containerPort: number; name?: string; protocol?: string }[];
	[member: string]: unknown;
}

export interface EnvVar {
	name: string;
	value?: string;
	valueFrom?: unknown;
}

/** Owner of a pod as telemetry names it. */
export interface WorkloadOwner {
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
}
