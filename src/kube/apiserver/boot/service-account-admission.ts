import type { KubeObject } from "../../../kinds/object.ts";
import type { AdmissionPlugin } from "../admission.ts";

const DEFAULT = "default";

/** Gives every new pod a service account, from which its identity in the mesh is made. */
export const serviceAccountAdmission: AdmissionPlugin = {
	name: "ServiceAccount",
	mutate({ operation, group, plural, subresource, object }): KubeObject | undefined {
		if (operation !== "CREATE" || group !== "" || plural !== "pods" || subresource !== "" || !object) return undefined;
		const spec = object.spec as { serviceAccountName?: string; serviceAccount?: string } | undefined;
		if (!spec || spec.serviceAccountName) return undefined;
		const name = spec.serviceAccount || DEFAULT;
		return { ...object, spec: { ...spec, serviceAccountName: name, serviceAccount: name } };
	},
};
