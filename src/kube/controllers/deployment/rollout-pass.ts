import { KubeApiError } from "../../client/kube-client.ts";
import { type Condition, conditionOf } from "../../client/pod.ts";
import { RESOURCES } from "../../client/resources.ts";
import type { Deployment, ReplicaSet } from "../../client/workloads.ts";
import { withCondition } from "../conditions.ts";
import { canonicalJson, controllerOf, controllerReference } from "../object-key.ts";
import { deploymentStatus, isComplete, type RolloutView, withProgress } from "./deployment-status.ts";
import type { DeploymentWorld } from "./deployment-world.ts";
import {
	DESIRED_ANNOTATION,
	findNewSet,
	HASH_LABEL,
	newSetAnnotations,
	newSetName,
	nextRevision,
	REVISION_ANNOTATION,
	revisionOf,
	sizeAnnotations,
	templateHash,
} from "./revision.ts";
import {
	byAge,
	newSetReplicas,
	oldSetScalings,
	proportionalScalings,
	replicasOf,
	totalReplicas,
} from "./rollout-plan.ts";

/** One look at one Deployment: does the next step of its rollout and writes its status. */
export interface RolloutPass {
	/** Returns when to look again because of the progress deadline. */
	run(): Promise<number | undefined>;
}

const DEFAULT_HISTORY_LIMIT = 10;

export function createRolloutPass(
	world: DeploymentWorld,
	deployment: Deployment,
	owned: readonly ReplicaSet[],
	now: string,
): RolloutPass {
	return new Pass(world, deployment, owned, now);
}

class Pass implements RolloutPass {
	readonly #world: DeploymentWorld;
	readonly #now: string;
	#deployment: Deployment;
	#sets: ReplicaSet[];
	#newest: ReplicaSet | undefined;
	#conditions: Condition[];

	constructor(world: DeploymentWorld, deployment: Deployment, owned: readonly ReplicaSet[], now: string) {
		this.#world = world;
		this.#deployment = deployment;
		this.#sets = [...owned];
		this.#newest = findNewSet(deployment, owned);
		this.#conditions = deployment.status?.conditions ?? [];
		this.#now = now;
	}

	async run(): Promise<number | undefined> {
		const { spec, metadata } = this.#deployment;
		if (metadata.deletionTimestamp !== undefined) return this.#writeStatus();
		this.#notePause();
		if (spec.paused) {
			await this.#takeOverExisting();
			await this.#rescale();
			return this.#writeStatus();
		}
		if (this.#isResized()) {
			await this.#takeOverExisting();
			await this.#rescale();
			return this.#writeStatus();
		}
		if (spec.strategy?.type === "Recreate") await this.#recreate();
		else await this.#roll();
		return this.#writeStatus();
	}

	get #old(): ReplicaSet[] {
		return this.#sets.filter((set) => set.metadata.uid !== this.#newest?.metadata.uid);
	}

	async #roll(): Promise<void> {
		if (!(await this.#ensureNewest())) return;
		const wanted = newSetReplicas(this.#deployment, this.#newest, this.#sets);
		if (await this.#scale(this.#newest!, wanted)) return;
		const scalings = oldSetScalings(this.#deployment, this.#newest, this.#old);
		for (const { set, replicas } of scalings) await this.#scale(set, replicas);
		if (scalings.length === 0) await this.#cleanUpHistory();
	}

	async #recreate(): Promise<void> {
		const active = this.#old.filter((set) => replicasOf(set) > 0);
		for (const set of active) await this.#scale(set, 0);
		if (active.length > 0 || this.#old.some((set) => this.#world.runningPods(set).length > 0)) return;
		if (!(await this.#ensureNewest())) return;
		if (!(await this.#scale(this.#newest!, replicasOf(this.#deployment)))) await this.#cleanUpHistory();
	}

	/** The replica count changed since the sizes were written: scale before rolling on. */
	#isResized(): boolean {
		return this.#sets.some((set) => {
			const desired = set.metadata.annotations?.[DESIRED_ANNOTATION];
			return replicasOf(set) > 0 && desired !== undefined && Number(desired) !== replicasOf(this.#deployment);
		});
	}

	/** While no rollout runs one set takes the change; in the middle of one, all do, in proportion. */
	async #rescale(): Promise<void> {
		const wanted = replicasOf(this.#deployment);
		const active = this.#sets.filter((set) => replicasOf(set) > 0);
		const latest = active.length === 0 ? (this.#newest ?? [...this.#sets].sort(byAge).at(-1)) : active[0];
		if (active.length <= 1) {
			if (latest) await this.#scale(latest, wanted, true);
			return;
		}
		if (this.#newest && this.#isSaturated(this.#newest, wanted)) {
			for (const set of this.#old) await this.#scale(set, 0);
			return;
		}
		if (this.#deployment.spec.strategy?.type === "Recreate") return;
		const scalings = new Map(
			proportionalScalings(this.#deployment, active).map(({ set, replicas }) => [set, replicas]),
		);
		for (const set of active) await this.#scale(set, scalings.get(set) ?? replicasOf(set), true);
	}

	#isSaturated(set: ReplicaSet, wanted: number): boolean {
		const desired = Number(set.metadata.annotations?.[DESIRED_ANNOTATION]);
		return replicasOf(set) === wanted && desired === wanted && (set.status?.availableReplicas ?? 0) === wanted;
	}

	/** Brings an existing newest set's annotations and the Deployment's revision up to date. */
	async #takeOverExisting(): Promise<void> {
		if (!this.#newest) return;
		const annotations = newSetAnnotations(this.#deployment, this.#newest, nextRevision(this.#old));
		const minReadySeconds = this.#deployment.spec.minReadySeconds ?? 0;
		const isSame =
			canonicalJson(annotations) === canonicalJson(this.#newest.metadata.annotations) &&
			minReadySeconds === (this.#newest.spec.minReadySeconds ?? 0);
		if (!isSame) await this.#patchSet(this.#newest, { metadata: { annotations }, spec: { minReadySeconds } });
		if (conditionOf({ status: { conditions: this.#conditions } }, "Progressing") === undefined)
			this.#progressing("True", "FoundNewReplicaSet", `Found new replica set "${this.#newest.metadata.name}"`);
		await this.#writeRevision(revisionOf(this.#newest));
	}

	/** False when the set's name is taken by a stranger: the next pass uses another hash. */
	async #ensureNewest(): Promise<boolean> {
		if (this.#newest) {
			await this.#takeOverExisting();
			return true;
		}
		const created = await this.#createNewest();
		if (!created) return false;
		this.#newest = created;
		this.#sets.push(created);
		this.#world.sets.noteWritten(created);
		if (replicasOf(created) > 0) this.#announceScaling(created, 0);
		this.#progressing("True", "NewReplicaSetCreated", `Created new replica set "${created.metadata.name}"`);
		await this.#writeRevision(revisionOf(created));
		return true;
	}

	async #createNewest(): Promise<ReplicaSet | undefined> {
		const { client } = this.#world.context;
		try {
			return await client.create(RESOURCES.replicaSets, this.#newSet());
		} catch (error) {
			if (!(error instanceof KubeApiError)) throw error;
			if (error.code !== 409) {
				const message = `Failed to create new replica set "${newSetName(this.#deployment)}": ${error.message}`;
				this.#progressing("False", "ReplicaSetCreateError", message);
				this.#world.recorder.record(this.#deployment, { type: "Warning", reason: "ReplicaSetCreateError", message });
				await this.#writeStatus();
				throw error;
			}
			const { namespace, uid } = this.#deployment.metadata;
			const holder = await client.get<ReplicaSet>(RESOURCES.replicaSets, newSetName(this.#deployment), namespace);
			// Our own set from a moment ago that no watch event has shown yet: take it as it is.
			if (controllerOf(holder)?.uid === uid) return holder;
			const status = { ...this.#deployment.status, collisionCount: (this.#deployment.status?.collisionCount ?? 0) + 1 };
			await client.updateStatus(RESOURCES.deployments, { ...this.#deployment, status });
			return undefined;
		}
	}

	#newSet(): ReplicaSet {
		const { spec, metadata, status } = this.#deployment;
		const hash = templateHash(spec.template, status?.collisionCount);
		const labels = { ...spec.template.metadata?.labels, [HASH_LABEL]: hash };
		return {
			apiVersion: "apps/v1",
			kind: "ReplicaSet",
			metadata: {
				name: newSetName(this.#deployment),
				namespace: metadata.namespace,
				labels,
				annotations: newSetAnnotations(this.#deployment, undefined, nextRevision(this.#old)),
				ownerReferences: [controllerReference(this.#deployment)],
			},
			spec: {
				replicas: newSetReplicas(this.#deployment, undefined, this.#sets),
				minReadySeconds: spec.minReadySeconds ?? 0,
				selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash } },
				template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
			},
		};
	}

	/** Whether a write of the replica count was needed. `resize` writes the sizes of the rollout as well. */
	async #scale(set: ReplicaSet, replicas: number, resize = false): Promise<boolean> {
		const sizes = sizeAnnotations(this.#deployment);
		const hasSizes = Object.entries(sizes).every(([name, value]) => set.metadata.annotations?.[name] === value);
		const isSame = replicasOf(set) === replicas;
		if (isSame && (hasSizes || (!resize && replicas === 0))) return false;
		const before = replicasOf(set);
		const patch = isSame
			? { metadata: { annotations: sizes } }
			: { metadata: { annotations: sizes }, spec: { replicas } };
		const scaled = await this.#patchSet(set, patch);
		if (!isSame) this.#announceScaling(scaled, before);
		return !isSame;
	}

	async #patchSet(set: ReplicaSet, patch: object): Promise<ReplicaSet> {
		const { name = "", namespace } = set.metadata;
		const next = await this.#world.context.client.patch<ReplicaSet>(RESOURCES.replicaSets, name, patch, { namespace });
		this.#world.sets.noteWritten(next);
		this.#sets = this.#sets.map((other) => (other.metadata.uid === next.metadata.uid ? next : other));
		if (this.#newest?.metadata.uid === next.metadata.uid) this.#newest = next;
		return next;
	}

	#announceScaling(set: ReplicaSet, before: number): void {
		const direction = replicasOf(set) > before ? "up" : "down";
		const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicasOf(set)}`;
		this.#world.recorder.record(this.#deployment, { type: "Normal", reason: "ScalingReplicaSet", message });
	}

	async #writeRevision(revision: number): Promise<void> {
		if (revisionOf(this.#deployment) === revision || revision === 0) return;
		const { name = "", namespace } = this.#deployment.metadata;
		const patch = { metadata: { annotations: { [REVISION_ANNOTATION]: String(revision) } } };
		this.#deployment = await this.#world.context.client.patch(RESOURCES.deployments, name, patch, { namespace });
	}

	/** Deletes the oldest empty ReplicaSets beyond the history limit, once the rollout is complete. */
	async #cleanUpHistory(): Promise<void> {
		if (!isComplete(this.#deployment, deploymentStatus(this.#view()))) return;
		const limit = this.#deployment.spec.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
		const idle = this.#old.filter(
			(set) =>
				replicasOf(set) === 0 && (set.status?.replicas ?? 0) === 0 && set.metadata.deletionTimestamp === undefined,
		);
		const surplus = idle.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, this.#old.length - limit));
		for (const set of surplus) {
			const { name = "", namespace, uid } = set.metadata;
			await this.#world.context.client.delete(RESOURCES.replicaSets, name, { namespace, preconditionUid: uid });
			this.#world.sets.noteDeleted(set);
			this.#sets = this.#sets.filter((other) => other !== set);
		}
	}

	/** Remembers in the Progressing condition that the clock stands still, and that it runs again. */
	#notePause(): void {
		const before = conditionOf({ status: { conditions: this.#conditions } }, "Progressing");
		if (before?.reason === "NewReplicaSetAvailable") return;
		if (this.#deployment.spec.paused && before?.reason !== "DeploymentPaused")
			this.#progressing("Unknown", "DeploymentPaused", "Deployment is paused");
		if (!this.#deployment.spec.paused && before?.reason === "DeploymentPaused")
			this.#progressing("Unknown", "DeploymentResumed", "Deployment is resumed");
	}

	#progressing(status: Condition["status"], reason: string, message: string): void {
		this.#conditions = withCondition(this.#conditions, { type: "Progressing", status, reason, message }, this.#now);
	}

	#view(): RolloutView {
		return {
			deployment: this.#deployment,
			newest: this.#newest,
			all: this.#sets,
			conditions: this.#conditions,
			nowMs: this.#world.context.clock.epochMs(),
			now: this.#now,
		};
	}

	async #writeStatus(): Promise<number | undefined> {
		const plain = deploymentStatus(this.#view());
		const isPaused = this.#deployment.spec.paused === true;
		const { status, checkAgainMs } = isPaused
			? { status: plain, checkAgainMs: undefined }
			: withProgress(this.#view(), plain);
		if (canonicalJson(status) !== canonicalJson(this.#deployment.status))
			await this.#world.context.client.updateStatus(RESOURCES.deployments, { ...this.#deployment, status });
		const isIdle = totalReplicas(this.#sets) === 0 && replicasOf(this.#deployment) === 0;
		return isIdle ? undefined : checkAgainMs;
	}
}
