import { injectPod } from "../controlplane/injector/inject-pod.ts";
import { DEFAULT_INJECTION_CONFIG, type InjectionConfig } from "../controlplane/injector/injection-config.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../controlplane/model/mesh-config.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../kube/apiserver/admission.ts";
import { formatProblem } from "../lib/problem.ts";

/** What injection takes from the mesh's settings. */
function injectionConfigOf(mesh: MeshConfig): InjectionConfig {
	return {
		...DEFAULT_INJECTION_CONFIG,
		trustDomain: mesh.trustDomain,
		meshId: mesh.trustDomain,
		proxyConfig: { discoveryAddress: mesh.discoveryAddress },
	};
}

/** The same for a tool that knows of a mesh only where its discovery is; undefined: the well-known port. */
export function injectionConfigFor(xdsPort: number | undefined): InjectionConfig {
	const discoveryAddress = xdsPort === undefined ? DEFAULT_MESH_CONFIG.discoveryAddress : `127.0.0.1:${xdsPort}`;
	return injectionConfigOf({ ...DEFAULT_MESH_CONFIG, discoveryAddress });
}

/** Sidecar injection as a step of admission: pods that are created, never later ones (labels of a running pod change nothing). */
export function injectionPlugin(meshConfig: () => MeshConfig | undefined): AdmissionPlugin {
	const inject = (request: AdmissionRequest) => {
		const mesh = meshConfig();
		if (!mesh || !request.object || !isPodCreation(request)) return undefined;
		return injectPod(
			request.object,
			{ name: request.namespace, labels: request.namespaceLabels },
			injectionConfigOf(mesh),
		);
	};
	return {
		name: "namespace.sidecar-injector.istio.io",
		mutate: (request) => {
			const result = inject(request);
			return result?.inject ? result.pod : undefined;
		},
		validate: (request) => {
			const problems = inject(request)?.problems ?? [];
			return problems.length > 0 ? { denied: problems.map(formatProblem).join("; ") } : {};
		},
	};
}

function isPodCreation({ operation, group, plural, subresource }: AdmissionRequest): boolean {
	return operation === "CREATE" && group === "" && plural === "pods" && subresource === "";
}
