import { builtinKind } from "../builtin-kind.ts";
import type { Column } from "../definition.ts";
import type { KubeObject } from "../object.ts";
import { objectIn } from "../schema/schema-path.ts";
import { at, integer, NAME, numberAt, text, textAt, wide } from "../table/columns.ts";
import { ageSince } from "../table/human-duration.ts";
import { fieldText } from "./pod-status.ts";

/** When an event was last seen: series, last, event or first time. */
function lastSeen(event: KubeObject): unknown {
	return at(event, "series.lastObservedTime") ?? at(event, "lastTimestamp") ?? firstSeen(event);
}

function firstSeen(event: KubeObject): unknown {
	return at(event, "firstTimestamp") ?? at(event, "eventTime");
}

function target(event: KubeObject): string {
	const kind = textAt(event, "involvedObject.kind").toLowerCase();
	const name = textAt(event, "involvedObject.name");
	return name === "" ? kind : `${kind}/${name}`;
}

function source(event: KubeObject): string {
	const component = textAt(event, "source.component") || textAt(event, "reportingComponent");
	const instance = textAt(event, "source.host") || textAt(event, "reportingInstance");
	return instance === "" ? component : `${component}, ${instance}`;
}

const columns: readonly Column[] = [
	text("Last Seen", (event, now) => ageSince(lastSeen(event), now)),
	text("Type", (event) => textAt(event, "type")),
	text("Reason", (event) => textAt(event, "reason")),
	text("Object", target),
	wide(text("Subobject", (event) => textAt(event, "involvedObject.fieldPath"))),
	wide(text("Source", source)),
	text("Message", (event) => textAt(event, "message").trim()),
	wide(text("First Seen", (event, now) => ageSince(firstSeen(event), now))),
	wide(integer("Count", (event) => numberAt(event, "series.count") || numberAt(event, "count") || 1)),
	wide(NAME),
];

const SELECTABLE = [
	"involvedObject.kind",
	"involvedObject.namespace",
	"involvedObject.name",
	"involvedObject.uid",
	"involvedObject.apiVersion",
	"involvedObject.resourceVersion",
	"involvedObject.fieldPath",
	"reason",
	"reportingComponent",
	"type",
];

/** Event of the core group. */
export const Event = builtinKind({
	group: "",
	kind: "Event",
	nameColumn: null,
	columns,
	fields: {
		...Object.fromEntries(SELECTABLE.map((path) => [path, (event: KubeObject) => fieldText(event, path)])),
		source: (event) => fieldText(event, "source.component") || fieldText(event, "reportingComponent"),
	},
});

/** Member of a core Event ↔ member of an events.k8s.io Event. */
const RENAMED: readonly (readonly [core: string, events: string])[] = [
	["involvedObject", "regarding"],
	["message", "note"],
	["reportingComponent", "reportingController"],
	["source", "deprecatedSource"],
	["firstTimestamp", "deprecatedFirstTimestamp"],
	["lastTimestamp", "deprecatedLastTimestamp"],
	["count", "deprecatedCount"],
];

function renamed(event: KubeObject, names: ReadonlyMap<string, string>, apiVersion: string): KubeObject {
	const entries = Object.entries(event).map(([name, value]) => [names.get(name) ?? name, value]);
	return { ...(Object.fromEntries(entries) as KubeObject), apiVersion };
}

const toEvents = new Map(RENAMED);
const toCore = new Map(RENAMED.map(([core, events]) => [events, core]));

const coreView = (event: KubeObject) => renamed(event, toCore, "v1");

/** Event of events.k8s.io/v1: the same objects as core Events, in other words. */
export const EventsEvent = builtinKind({
	group: "events.k8s.io",
	kind: "Event",
	nameColumn: null,
	columns: columns.map((column) => ({ ...column, get: (event, now) => column.get(coreView(event), now) })),
	fields: {
		...Object.fromEntries(
			["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map((member) => [
				`regarding.${member}`,
				(event: KubeObject) => fieldText(event, `regarding.${member}`),
			]),
		),
		reason: (event) => fieldText(event, "reason"),
		reportingController: (event) => fieldText(event, "reportingController"),
		type: (event) => fieldText(event, "type"),
	},
	aliasOf: {
		group: "",
		plural: "events",
		toStored: (event) => {
			const stored = coreView(event);
			// `kubectl get events` groups by the object's namespace and name.
			if (Object.keys(objectIn(stored, "involvedObject")).length === 0) stored.involvedObject = {};
			return stored;
		},
		fromStored: (event) => renamed(event, toEvents, "events.k8s.io/v1"),
	},
});
