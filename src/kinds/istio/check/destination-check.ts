import type { FieldPath } from "../../../lib/field-path.ts";
import { isDnsLabel } from "./host-names.ts";
import { checkServiceHost, isPort } from "./primitives.ts";
import type { Report } from "./report.ts";

interface Destination {
	readonly host: string;
	readonly subset?: string;
	readonly port?: { readonly number?: number };
}

interface Weighted {
	readonly destination: Destination;
	readonly weight?: number;
}

/** One destination: a service, perhaps a subset and a port of it. */
export function checkDestination(destination: Destination, path: FieldPath, report: Report): void {
	checkServiceHost(destination.host, false, path.field("host"), report);
	if (destination.subset && !isDnsLabel(destination.subset))
		report.error(
			"LTN1106",
			path.field("subset"),
			`${JSON.stringify(destination.subset)} is no subset name`,
			"use letters, digits and hyphens",
		);
	if (destination.port && !isPort(destination.port.number))
		report.error(
			"LTN1102",
			path.field("port").field("number"),
			`port ${destination.port.number ?? 0} is not in 1..65535`,
		);
}

/**
 * Destinations that share traffic. Several without any weight share evenly (decision D1), which Istio refuses: a warning,
 * or the error when `strict`.
 */
export function checkDestinations(
	list: readonly Weighted[],
	{ strict }: { readonly strict: boolean },
	path: FieldPath,
	report: Report,
): void {
	for (const [i, { destination, weight }] of list.entries()) {
		checkDestination(destination, path.index(i).field("destination"), report);
		if (weight !== undefined && weight < 0)
			report.error("LTN1307", path.index(i).field("weight"), `weight ${weight} is negative`);
	}
	if (list.length < 2 || list.some(({ weight = 0 }) => weight !== 0)) return;
	const isUnsaid = list.every(({ weight }) => weight === undefined);
	if (strict || !isUnsaid)
		report.error("LTN1307", path, "total destination weight = 0", "give the destinations weights");
	else
		report.warn(
			"LTN1307",
			path,
			`${list.length} destinations have no weight, so they share the traffic evenly; Istio refuses this`,
			"write the weights to say so",
		);
}
