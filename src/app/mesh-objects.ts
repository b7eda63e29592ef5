import type { KubeObject } from "../kinds/object.ts";
import { SYSTEM_NAMESPACE } from "../lib/names.ts";
import { meshSettingsObject } from "./mesh-settings.ts";

const GATEWAY = "istio-ingressgateway";
const GATEWAY_LABELS = { app: GATEWAY, istio: "ingressgateway" };

/**
 * What an installation leaves in the cluster (Istio's demo profile, as far as Lateen has it): the system namespace, the mesh configuration and
 * the ingress gateway.
 */
export function meshObjects(meshSettings: Readonly<Record<string, unknown>>): KubeObject[] {
	return [
		{ apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM_NAMESPACE } },
		meshSettingsObject(meshSettings),
		{
			apiVersion: "v1",
			kind: "ServiceAccount",
			metadata: { name: `${GATEWAY}-service-account`, namespace: SYSTEM_NAMESPACE },
		},
		gatewayDeployment(),
		gatewayService(),
	];
}

function gatewayDeployment(): KubeObject {
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: GATEWAY, namespace: SYSTEM_NAMESPACE, labels: GATEWAY_LABELS },
		spec: {
			replicas: 1,
			selector: { matchLabels: GATEWAY_LABELS },
			template: {
				metadata: {
					labels: { ...GATEWAY_LABELS, "sidecar.istio.io/inject": "true" },
					annotations: { "inject.istio.io/templates": "gateway" },
				},
				spec: {
					serviceAccountName: `${GATEWAY}-service-account`,
					// Injection fills the container in, as it does for Istio's gateways.
					containers: [
						{
							name: "istio-proxy",
							image: "auto",
							ports: [{ containerPort: 15021 }, { containerPort: 8080 }, { containerPort: 8443 }],
						},
					],
				},
			},
		},
	};
}

function gatewayService(): KubeObject {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name: GATEWAY, namespace: SYSTEM_NAMESPACE, labels: GATEWAY_LABELS },
		spec: {
			type: "LoadBalancer",
			selector: GATEWAY_LABELS,
			ports: [
				{ name: "status-port", port: 15021, targetPort: 15021 },
				{ name: "http", port: 80, targetPort: 8080 },
				{ name: "https", port: 443, targetPort: 8443 },
			],
		},
	};
}
