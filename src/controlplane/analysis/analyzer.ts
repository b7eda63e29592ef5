import type { KubeObject } from "../../kinds/object.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { AnalysisMessage } from "./analysis-message.ts";

/** Everything that analyzers look at. */
export interface AnalysisInput {
	readonly snapshot: Snapshot;
	/** The objects as they were written, every kind of Istio's; the snapshot lacks those that it could not use. */
	readonly objects: readonly KubeObject[];
}

/** Looks at everything and says what it finds; knows nothing of the other analyzers. */
export type Analyzer = (input: AnalysisInput) => readonly AnalysisMessage[];
