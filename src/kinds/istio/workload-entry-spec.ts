import type { ValueOf } from "../schema-builder.ts";
import { workloadEntry } from "./shared-fields.ts";

/** What the `spec` of a WorkloadEntry holds. */
export const workloadEntrySpec = workloadEntry().doc("The endpoint.");

export type WorkloadEntrySpec = ValueOf<typeof workloadEntrySpec>;
