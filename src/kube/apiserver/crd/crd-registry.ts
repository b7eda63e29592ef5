import { kindOfCrd } from "../../../kinds/crd/kind-of-crd.ts";
import type { KindDefinition } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import type { User } from "../auth/authenticate.ts";
import { type ApiContext, timestamp } from "../rest/api-context.ts";
import { deleteObject } from "../rest/delete-object.ts";
import type { WriteRequest } from "../rest/request-scope.ts";
import { updateObject } from "../rest/update-object.ts";
import { objectKey, resourceId } from "../store/object-key.ts";
import {
	type CrdNames,
	type CrdSpec,
	type CrdStatus,
	findNameConflict,
	hasStatus,
	wantedStatus,
} from "./crd-status.ts";
import { CRD_CLEANUP } from "./crd-write.ts";

const CRDS = "apiextensions.k8s.io/customresourcedefinitions";
const SYSTEM: User = { name: "system:apiserver", groups: ["system:masters"] };

/**
 * Keeps what is served in step with the CustomResourceDefinitions in the store: a kind is served before its CRD says Established,
 * and a CRD in deletion goes when its objects are gone.
 */
export class CrdRegistry {
	readonly #context: ApiContext;
	readonly #pending = new Map<string, Promise<void>>();
	#stop: (() => void) | undefined;

	constructor(context: ApiContext) {
		this.#context = context;
	}

	/** Serves what is established already, then follows every change. */
	async start(): Promise<void> {
		const { store } = this.#context;
		for (const { object } of store.list(CRDS)) if (isEstablished(object)) this.#serve(object);
		this.#stop = await store.watch({ resource: CRDS, namespace: "" }, store.revision, ({ type, current }) => {
			if (type === "delete") this.#withdraw(current.object);
			else this.#schedule(current.key);
		});
		for (const { key } of store.list(CRDS)) this.#schedule(key);
	}

	/** Resolves when everything known so far is served. */
	async settled(): Promise<void> {
		while (this.#pending.size > 0) await Promise.all(this.#pending.values());
	}

	async stop(): Promise<void> {
		this.#stop?.();
		await this.settled();
	}

	/** One CRD is looked at by one run at a time, and again after every change. */
	#schedule(key: string): void {
		const before = this.#pending.get(key) ?? Promise.resolve();
		const run = before
			.then(() => this.#sync(key))
			.catch((error: unknown) =>
				this.#context.logger.error({ err: error, key }, "a CustomResourceDefinition cannot be served"),
			)
			.finally(() => {
				if (this.#pending.get(key) === run) this.#pending.delete(key);
			});
		this.#pending.set(key, run);
	}

	async #sync(key: string): Promise<void> {
		const crd = this.#context.store.get(key)?.object;
		if (!crd) return;
		const spec = crd.spec as CrdSpec;
		const conflict = findNameConflict(spec.names, this.#takenNames(crd));
		const status = wantedStatus(crd, conflict, timestamp(this.#context));
		if (crd.metadata.deletionTimestamp) {
			await this.#cleanUp(crd);
			return;
		}
		if (isEstablished({ ...crd, status })) this.#serve(crd);
		if (!hasStatus(crd, status)) await this.#writeStatus(crd, status);
	}

	#serve(crd: KubeObject): void {
		const kind = servedKind(crd);
		if (!kind) this.#withdraw(crd);
		else this.#context.resources.putCustom(kind, crd.metadata.uid ?? "", crd.metadata.generation ?? 0);
	}

	#withdraw(crd: KubeObject): void {
		const { group, names } = crd.spec as CrdSpec;
		this.#context.resources.removeCustom(group, names.plural);
	}

	#takenNames(crd: KubeObject): CrdNames[] {
		const { group } = crd.spec as CrdSpec;
		const builtin = this.#context.resources.builtinKinds(group);
		const others = this.#context.store
			.list(CRDS)
			.map(({ object }) => object)
			.filter((other) => other.metadata.uid !== crd.metadata.uid && (other.spec as CrdSpec).group === group)
			.flatMap((other) => (other.status as CrdStatus | undefined)?.acceptedNames ?? []);
		return [...builtin, ...others];
	}

	/** Deletes the CRD's objects, then lets it go; new ones are refused from here on. */
	async #cleanUp(crd: KubeObject): Promise<void> {
		if (!crd.metadata.finalizers?.includes(CRD_CLEANUP)) return;
		const { group, names } = crd.spec as CrdSpec;
		const resource = this.#context.resources.findPreferred(group, names.plural);
		const left = this.#context.store.list(resourceId(group, names.plural));
		if (resource) {
			for (const { object } of left) {
				const { namespace = "", name = "" } = object.metadata;
				await deleteObject(this.#context, this.#request({ resource, namespace, name, subresource: "" }), {});
			}
		}
		const remaining = this.#context.store.list(resourceId(group, names.plural));
		if (remaining.length > 0) await this.#waitForEnd(resourceId(group, names.plural));
		await this.#change(crd, "any", (live) => ({
			...live,
			metadata: {
				...live.metadata,
				finalizers: live.metadata.finalizers?.filter((finalizer) => finalizer !== CRD_CLEANUP),
			},
		}));
	}

	/** Objects with finalizers of their own go when those are done. */
	async #waitForEnd(resource: string): Promise<void> {
		const { store } = this.#context;
		await new Promise<void>((resolve, reject) => {
			let stop: (() => void) | undefined;
			const check = () => {
				if (store.list(resource).length > 0) return;
				stop?.();
				resolve();
			};
			store.watch({ resource, namespace: "" }, store.revision, check).then((unsubscribe) => {
				stop = unsubscribe;
				check();
			}, reject);
		});
	}

	async #writeStatus(crd: KubeObject, status: CrdStatus): Promise<void> {
		await this.#change(crd, "status", (live) => ({ ...live, status }));
	}

	async #change(crd: KubeObject, part: "any" | "status", change: (live: KubeObject) => KubeObject): Promise<void> {
		const { store, resources } = this.#context;
		const name = crd.metadata.name ?? "";
		const resource = resources.findPreferred("apiextensions.k8s.io", "customresourcedefinitions");
		const current = store.latest(objectKey(CRDS, "", name));
		if (!resource || current?.object.metadata.uid !== crd.metadata.uid) return; // deleted, perhaps made anew, meanwhile
		const subresource = part === "status" ? "status" : "";
		await updateObject(this.#context, this.#request({ resource, namespace: "", name, subresource }), part, (live) => {
			const next = change(live);
			return { ...next, metadata: { ...next.metadata, resourceVersion: undefined } };
		});
	}

	#request(scope: WriteRequest["scope"]): WriteRequest {
		const fieldManager = "lateen-apiserver";
		return {
			scope,
			user: SYSTEM,
			isReplace: false,
			dryRun: false,
			fieldManager,
			fieldValidation: "Ignore",
			warn: () => {},
		};
	}
}

/** The kind that a CRD serves. Istio's semantic rules run as its admission webhook would, not as schema validation. */
function servedKind(crd: KubeObject): KindDefinition | undefined {
	const kind = kindOfCrd(crd);
	return kind?.group.endsWith("istio.io") ? { ...kind, validate: undefined } : kind;
}

function isEstablished(crd: KubeObject): boolean {
	const { conditions = [] } = (crd.status ?? {}) as CrdStatus;
	return conditions.some(({ type, status }) => type === "Established" && status === "True");
}
