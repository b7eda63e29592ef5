import type { KubeObject } from "../../kinds/object.ts";
import type { Problem } from "../../lib/problem.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import { UNSUPPORTED_FIELD } from "../model/object-reader.ts";
import { snapshotOf } from "./analyze-objects.ts";
import { unreadKind } from "./unread-kind.ts";
import { unspokenPorts } from "./unspoken-ports.ts";

/** What Istio would do with one object and this version does not: its kind, some of its fields, a Service's HTTP/2 ports. Says nothing about what is invalid. */
export function unobeyed(object: KubeObject, mesh?: MeshConfig): readonly Problem[] {
	const unread = unreadKind(object);
	if (unread) return [unread];
	if (object.kind === "Service") return unspokenPorts(object);
	const { problems } = snapshotOf([object], mesh);
	return problems.flatMap((of) => of.problems).filter(({ code }) => code === UNSUPPORTED_FIELD);
}
