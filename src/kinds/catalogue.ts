import { APIService } from "./admission/api-service.ts";
import { CertificateSigningRequest } from "./admission/certificate-signing-request.ts";
import {
	ValidatingAdmissionPolicy,
	ValidatingAdmissionPolicyBinding,
} from "./admission/validating-admission-policy.ts";
import { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from "./admission/webhook-configuration.ts";
import { parseApiVersion } from "./api-version.ts";
import { ControllerRevision } from "./apps/controller-revision.ts";
import { DaemonSet } from "./apps/daemon-set.ts";
import { Deployment } from "./apps/deployment.ts";
import { ReplicaSet } from "./apps/replica-set.ts";
import { StatefulSet } from "./apps/stateful-set.ts";
import { HorizontalPodAutoscaler } from "./autoscaling/horizontal-pod-autoscaler.ts";
import { CronJob } from "./batch/cron-job.ts";
import { Job } from "./batch/job.ts";
import { Lease } from "./coordination/lease.ts";
import { ConfigMap } from "./core/config-map.ts";
import { Endpoints } from "./core/endpoints.ts";
import { Event, EventsEvent } from "./core/event.ts";
import { LimitRange } from "./core/limit-range.ts";
import { Namespace } from "./core/namespace.ts";
import { Node } from "./core/node.ts";
import { Pod } from "./core/pod.ts";
import { PodTemplate } from "./core/pod-template.ts";
import { ReplicationController } from "./core/replication-controller.ts";
import { ResourceQuota } from "./core/resource-quota.ts";
import { Secret } from "./core/secret.ts";
import { Service } from "./core/service.ts";
import { ServiceAccount } from "./core/service-account.ts";
import { CustomResourceDefinition } from "./crd/custom-resource-definition.ts";
import type { CustomKind } from "./define-kind.ts";
import type { JsonSchema, KindDefinition } from "./definition.ts";
import { istioKinds } from "./istio/istio-kinds.ts";
import { EndpointSlice } from "./networking/endpoint-slice.ts";
import { Ingress, IngressClass } from "./networking/ingress.ts";
import { NetworkPolicy } from "./networking/network-policy.ts";
import { PodDisruptionBudget } from "./policy/pod-disruption-budget.ts";
import { PriorityClass } from "./policy/priority-class.ts";
import { RuntimeClass } from "./policy/runtime-class.ts";
import {
	LocalSubjectAccessReview,
	SelfSubjectAccessReview,
	SelfSubjectReview,
	SelfSubjectRulesReview,
	SubjectAccessReview,
	TokenReview,
} from "./rbac/reviews.ts";
import { ClusterRole, Role } from "./rbac/role.ts";
import { ClusterRoleBinding, RoleBinding } from "./rbac/role-binding.ts";
import { CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment } from "./storage/csi.ts";
import { PersistentVolume, PersistentVolumeClaim } from "./storage/persistent-volume.ts";
import { StorageClass } from "./storage/storage-class.ts";

export { parseApiVersion } from "./api-version.ts";

/** Kubernetes' own kinds, in discovery order: the core group first, so that `events` means core Events. */
export const builtinKinds: readonly KindDefinition[] = [
	Namespace,
	Pod,
	PodTemplate,
	Service,
	Endpoints,
	ConfigMap,
	Secret,
	ServiceAccount,
	Node,
	Event,
	EventsEvent,
	ReplicationController,
	LimitRange,
	ResourceQuota,
	PersistentVolume,
	PersistentVolumeClaim,
	StorageClass,
	Deployment,
	ReplicaSet,
	StatefulSet,
	DaemonSet,
	ControllerRevision,
	Job,
	CronJob,
	HorizontalPodAutoscaler,
	EndpointSlice,
	Ingress,
	IngressClass,
	NetworkPolicy,
	Lease,
	PodDisruptionBudget,
	Role,
	ClusterRole,
	RoleBinding,
	ClusterRoleBinding,
	PriorityClass,
	MutatingWebhookConfiguration,
	ValidatingWebhookConfiguration,
	ValidatingAdmissionPolicy,
	ValidatingAdmissionPolicyBinding,
	CustomResourceDefinition,
	APIService,
	CSIDriver,
	CSINode,
	VolumeAttachment,
	CSIStorageCapacity,
	RuntimeClass,
	CertificateSigningRequest,
	TokenReview,
	SelfSubjectReview,
	SubjectAccessReview,
	SelfSubjectAccessReview,
	SelfSubjectRulesReview,
	LocalSubjectAccessReview,
];

/** Kinds served through CustomResourceDefinitions made from their definitions. */
export const customKinds: readonly CustomKind[] = istioKinds;

/** Every kind that Lateen knows. */
export const allKinds: readonly KindDefinition[] = [...builtinKinds, ...customKinds];

/** Kind by group, served version and kind name. */
export function findKind(group: string, version: string, kind: string): KindDefinition | undefined {
	return allKinds.find((k) => k.group === group && k.kind === kind && k.versions.includes(version));
}

/** Kind by an object's `apiVersion` and `kind`. */
export function kindOfObject(object: {
	readonly apiVersion: string;
	readonly kind: string;
}): KindDefinition | undefined {
	const { group, version } = parseApiVersion(object.apiVersion);
	return findKind(group, version, object.kind);
}

/** Kind by the words of a URL: group, version, plural. */
export function findResource(group: string, version: string, plural: string): KindDefinition | undefined {
	return allKinds.find((k) => k.group === group && k.plural === plural && k.versions.includes(version));
}

/**
 * Kind by what people type: plural, singular, short name or kind in any case, optionally with the group
 * (`vs`, `Pods`, `deployments.apps`, `virtualservices.v1.networking.istio.io`). The first in the list wins.
 */
export function findKindByWord(word: string, kinds: readonly KindDefinition[] = allKinds): KindDefinition | undefined {
	const [name = "", ...rest] = word.toLowerCase().split(".");
	const wanted = rest.join(".");
	return kinds.find((k) => namesOf(k).includes(name) && matchesGroup(k, wanted));
}

function namesOf(kind: KindDefinition): string[] {
	return [kind.plural, kind.singular, kind.kind.toLowerCase(), ...kind.shortNames];
}

function matchesGroup(kind: KindDefinition, wanted: string): boolean {
	if (wanted === "" || wanted === kind.group) return true;
	return kind.versions.some((version) => wanted === version || wanted === `${version}.${kind.group}`);
}

/** Schema of a kind in one of its versions. */
export function schemaOf(kind: KindDefinition, version: string): JsonSchema {
	return kind.schemaByVersion?.[version] ?? kind.schema;
}

/** How a kind is named on the wire; the shape that the Kubernetes client takes. */
export function refOf(kind: KindDefinition, version = kind.versions[0]!) {
	return { group: kind.group, version, plural: kind.plural, namespaced: kind.namespaced } as const;
}
