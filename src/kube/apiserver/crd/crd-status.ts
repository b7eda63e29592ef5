import type { KubeObject } from "../../../kinds/object.ts";
import { isEqual } from "../managed-fields/field-set.ts";

/** What of a CRD's spec its status is made from. */
export interface CrdSpec {
	readonly group: string;
	readonly names: CrdNames;
	readonly versions: readonly { readonly name: string; readonly served: boolean; readonly storage: boolean }[];
}

/** Names that must be unique within a group. */
export interface CrdNames {
	readonly plural: string;
	readonly singular?: string;
	readonly kind: string;
	readonly listKind?: string;
	readonly shortNames?: readonly string[];
	readonly categories?: readonly string[];
}

/** One condition of a CRD. */
export interface CrdCondition {
	readonly type: string;
	readonly status: "True" | "False";
	readonly reason: string;
	readonly message: string;
	readonly lastTransitionTime: string;
}

/** `status` of a CRD. */
export interface CrdStatus {
	readonly conditions?: readonly CrdCondition[];
	readonly acceptedNames?: CrdNames;
	readonly storedVersions?: readonly string[];
}

/** Outcome of comparing a CRD's names with those that others of its group have. */
export interface NameConflict {
	readonly reason: string;
	readonly message: string;
}

/** The first name that another CRD (or built-in kind) of the group has already; undefined when all are free. */
export function findNameConflict(wanted: CrdNames, taken: readonly CrdNames[]): NameConflict | undefined {
	const words = new Set(
		taken.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular ?? "", ...shortNames]),
	);
	const kinds = new Set(taken.flatMap(({ kind, listKind }) => [kind, listKind ?? ""]));
	const inUse = (word: string) => `"${word}" is already in use`;
	if (words.has(wanted.plural)) return { reason: "PluralConflict", message: inUse(wanted.plural) };
	if (wanted.singular && words.has(wanted.singular))
		return { reason: "SingularConflict", message: inUse(wanted.singular) };
	const short = wanted.shortNames?.find((name) => words.has(name));
	if (short !== undefined) return { reason: "ShortNamesConflict", message: inUse(short) };
	if (kinds.has(wanted.kind)) return { reason: "KindConflict", message: inUse(wanted.kind) };
	if (wanted.listKind && kinds.has(wanted.listKind))
		return { reason: "ListKindConflict", message: inUse(wanted.listKind) };
	return undefined;
}

/** The status that a CRD should have now. */
export function wantedStatus(crd: KubeObject, conflict: NameConflict | undefined, now: string): CrdStatus {
	const spec = crd.spec as CrdSpec;
	const status = (crd.status ?? {}) as CrdStatus;
	const storage = spec.versions.find((version) => version.storage)?.name ?? "";
	const stored = status.storedVersions ?? [];
	const accepted: Verdict = conflict
		? { type: "NamesAccepted", status: "False", ...conflict }
		: { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" };
	const wasEstablished = status.conditions?.some(({ type, status: is }) => type === "Established" && is === "True");
	const established: Verdict =
		!conflict || wasEstablished
			? {
					type: "Established",
					status: "True",
					reason: "InitialNamesAccepted",
					message: "the initial names have been accepted",
				}
			: { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" };
	const others = (status.conditions ?? []).filter(({ type }) => type !== "NamesAccepted" && type !== "Established");
	return {
		conditions: [...others, ...[accepted, established].map((verdict) => withTime(verdict, status, now))],
		acceptedNames: conflict ? (status.acceptedNames ?? { plural: "", kind: "" }) : spec.names,
		storedVersions: stored.includes(storage) ? stored : [...stored, storage],
	};
}

type Verdict = Omit<CrdCondition, "lastTransitionTime">;

function withTime(verdict: Verdict, { conditions = [] }: CrdStatus, now: string): CrdCondition {
	const old = conditions.find(({ type }) => type === verdict.type);
	const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : now;
	return { lastTransitionTime, ...verdict };
}

/** True when the CRD has the status already. */
export function hasStatus(crd: KubeObject, status: CrdStatus): boolean {
	return isEqual(crd.status, status);
}
