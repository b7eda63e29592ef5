import { builtinKind } from "../builtin-kind.ts";

/** Event of the core group. */
export const Event = builtinKind({
	group: "",
	kind: "Event",
});

/** Event of events.k8s.io. */
export const EventsEvent = builtinKind({
	group: "events.k8s.io",
	kind: "Event",
});
