import type { KubeObject } from "../../kinds/object.ts";
import type { Condition, Toleration } from "./pod.ts";

export interface Service extends KubeObject {
	spec: {
		type?: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
		clusterIP?: string;
		clusterIPs?: string[];
		externalIPs?: string[];
		externalName?: string;
		selector?: Record<string, string>;
		ports?: ServicePort[];
		publishNotReadyAddresses?: boolean;
		loadBalancerIP?: string;
		loadBalancerClass?: string;
		sessionAffinity?: string;
		[member: string]: unknown;
	};
	status?: {
		loadBalancer?: { ingress?: { ip?: string; hostname?: string; ipMode?: string }[] };
		conditions?: Condition[];
	};
}

export interface ServicePort {
	name?: string;
	port: number;
	targetPort?: number | string;
	nodePort?: number;
	protocol?: string;
	appProtocol?: string;
}

export interface ObjectReference {
	kind?: string;
	apiVersion?: string;
	namespace?: string;
	name?: string;
	uid?: string;
	resourceVersion?: string;
	fieldPath?: string;
}

export interface EndpointSlice extends KubeObject {
	addressType: string;
	endpoints: Endpoint[] | null;
	ports: EndpointPort[] | null;
}

export interface Endpoint {
	addresses: string[];
	conditions: { ready?: boolean; serving?: boolean; terminating?: boolean };
	hostname?: string;
	nodeName?: string;
	targetRef?: ObjectReference;
	zone?: string;
}

export interface EndpointPort {
	name?: string;
	port?: number;
	protocol?: string;
	appProtocol?: string;
}

export interface Endpoints extends KubeObject {
	subsets?: EndpointSubset[];
}

export interface EndpointSubset {
	addresses?: EndpointAddress[];
	notReadyAddresses?: EndpointAddress[];
	ports?: EndpointPort[];
}

export interface EndpointAddress {
	ip: string;
	hostname?: string;
	nodeName?: string;
	targetRef?: ObjectReference;
}

export interface Node extends KubeObject {
	spec?: {
		unschedulable?: boolean;
		taints?: (Toleration & { key: string; effect: string })[];
		[member: string]: unknown;
	};
	status?: {
		conditions?: Condition[];
		addresses?: { type: string; address: string }[];
		daemonEndpoints?: { kubeletEndpoint?: { Port: number } };
		[member: string]: unknown;
	};
}

export interface Namespace extends KubeObject {
	spec?: { finalizers?: string[] };
	status?: { phase?: string; conditions?: Condition[] };
}

export interface ConfigMap extends KubeObject {
	data?: Record<string, string>;
	binaryData?: Record<string, string>;
}

export interface Secret extends KubeObject {
	type?: string;
	data?: Record<string, string>;
}
