import { unobeyed } from "../controlplane/analysis/unobeyed.ts";
import type { MeshConfig } from "../controlplane/model/mesh-config.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../kube/apiserver/admission.ts";

const NO_PODS = "nothing here makes pods from it yet; use a Deployment";
const NO_LIMITS = "nothing here enforces it";
const NO_RBAC = "permissions are not enforced: every client of this API may do everything";
const NO_HOOKS = "nothing here calls it";

/** Kubernetes' kinds that the API server keeps and nothing in the mesh acts on. */
const UNATTENDED: Readonly<Record<string, string>> = {
	"apps/statefulsets": NO_PODS,
	"apps/daemonsets": NO_PODS,
	"batch/jobs": NO_PODS,
	"batch/cronjobs": NO_PODS,
	"autoscaling/horizontalpodautoscalers": "nothing here scales by it",
	"networking.k8s.io/ingresses": "nothing here serves it; use Istio's Gateway and VirtualService",
	"networking.k8s.io/networkpolicies": NO_LIMITS,
	"policy/poddisruptionbudgets": NO_LIMITS,
	"/resourcequotas": NO_LIMITS,
	"/limitranges": NO_LIMITS,
	"/persistentvolumeclaims": "no volume is provided for it",
	"/replicationcontrollers": NO_PODS,
	"rbac.authorization.k8s.io/roles": NO_RBAC,
	"rbac.authorization.k8s.io/rolebindings": NO_RBAC,
	"rbac.authorization.k8s.io/clusterroles": NO_RBAC,
	"rbac.authorization.k8s.io/clusterrolebindings": NO_RBAC,
	"admissionregistration.k8s.io/mutatingwebhookconfigurations": NO_HOOKS,
	"admissionregistration.k8s.io/validatingwebhookconfigurations": NO_HOOKS,
	"admissionregistration.k8s.io/validatingadmissionpolicies": NO_HOOKS,
	"admissionregistration.k8s.io/validatingadmissionpolicybindings": NO_HOOKS,
};

/**
 * Says, as a warning of the write, what of an object this version keeps but does not obey: a whole kind, or fields of a rule. Refuses nothing,
 * so that manifests written for a whole cluster can be applied.
 */
export function obediencePlugin(meshConfig: () => MeshConfig | undefined): AdmissionPlugin {
	return {
		name: "obedience.lateen.dev",
		validate: (request) => ({ warnings: warningsOf(request, meshConfig()) }),
	};
}

function warningsOf({ operation, group, plural, subresource, object }: AdmissionRequest, mesh?: MeshConfig): string[] {
	if (!object || subresource !== "" || (operation !== "CREATE" && operation !== "UPDATE")) return [];
	if (group.endsWith(".istio.io") || object.kind === "Service")
		return unobeyed(object, mesh).map(({ path, message }) => `${path}: ${message}`);
	const effect = UNATTENDED[`${group}/${plural}`];
	return effect === undefined ? [] : [`${object.kind} is stored but not supported yet: ${effect}`];
}
