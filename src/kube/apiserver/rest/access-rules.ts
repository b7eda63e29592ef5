import type { KubeObject } from "../../../kinds/object.ts";
import type { User } from "../auth/authenticate.ts";
import type { Store } from "../store/store.ts";

/** What somebody would do (SubjectAccessReview, `spec.resourceAttributes`); empty: in all namespaces, to all objects. */
export interface AccessRequest {
	readonly verb?: string;
	readonly group?: string;
	readonly resource?: string;
	readonly subresource?: string;
	readonly namespace?: string;
	readonly name?: string;
}

interface Rule {
	readonly verbs?: readonly string[];
	readonly apiGroups?: readonly string[];
	readonly resources?: readonly string[];
	readonly resourceNames?: readonly string[];
}

interface Subject {
	readonly kind: string;
	readonly name: string;
	readonly namespace?: string;
}

interface Binding extends KubeObject {
	readonly subjects?: readonly Subject[];
	readonly roleRef?: { readonly kind: string; readonly name: string };
}

const RBAC = "rbac.authorization.k8s.io";
const ADMIN_GROUP = "system:masters";

/** Whether roles and their bindings let a user do something (Kubernetes: role-based access control). */
export function isAllowed(store: Store, user: User, request: AccessRequest): boolean {
	if (user.groups.includes(ADMIN_GROUP)) return true;
	const { namespace = "" } = request;
	const everywhere = bindings(store, "clusterrolebindings", "");
	const here = namespace === "" ? [] : bindings(store, "rolebindings", namespace);
	return [...everywhere, ...here].some(
		(binding) =>
			(binding.subjects ?? []).some((subject) => isSubject(subject, user)) &&
			rulesOf(store, binding).some((rule) => permits(rule, request)),
	);
}

function bindings(store: Store, plural: string, namespace: string): Binding[] {
	return store.list(`${RBAC}/${plural}`, namespace).map(({ object }) => object as Binding);
}

function isSubject({ kind, name, namespace = "" }: Subject, user: User): boolean {
	if (kind === "ServiceAccount") return user.name === `system:serviceaccount:${namespace}:${name}`;
	return kind === "Group" ? user.groups.includes(name) : user.name === name;
}

function rulesOf(store: Store, { roleRef, metadata }: Binding): readonly Rule[] {
	const isClusterWide = roleRef?.kind === "ClusterRole";
	const roles = store.list(
		`${RBAC}/${isClusterWide ? "clusterroles" : "roles"}`,
		isClusterWide ? "" : metadata.namespace,
	);
	const role = roles.find(({ object }) => object.metadata.name === roleRef?.name)?.object;
	return (role as { rules?: readonly Rule[] } | undefined)?.rules ?? [];
}

function permits({ verbs, apiGroups, resources, resourceNames = [] }: Rule, request: AccessRequest): boolean {
	const { verb = "", group = "", resource = "", subresource = "", name = "" } = request;
	const full = subresource === "" ? resource : `${resource}/${subresource}`;
	return (
		names(verbs, verb) &&
		names(apiGroups, group) &&
		(names(resources, full) || (subresource !== "" && (resources ?? []).includes(`*/${subresource}`))) &&
		(resourceNames.length === 0 || resourceNames.includes(name))
	);
}

const names = (list: readonly string[] | undefined, wanted: string) =>
	list !== undefined && (list.includes("*") || list.includes(wanted));
