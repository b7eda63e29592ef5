import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { peerObject } from "../filter/workload-metadata.ts";
import type { Metering } from "../http/bytes-meter.ts";
import type { FormatEnvironment } from "../router/format/format-context.ts";
import type { DataPlaneDeps } from "./data-plane.ts";

/** What format strings are filled with, of this process. */
export function formatEnvironment({ clock, environment }: DataPlaneDeps, metering: Metering): FormatEnvironment {
	return {
		hostname: hostname(),
		nowMs: () => clock.nowMs(),
		environment: (name) => environment[name],
		readFile: readWhole,
		metering,
		stateObject: peerObject,
		uuid: randomUUID,
	};
}

function readWhole(path: string): Uint8Array | string {
	try {
		return readFileSync(path);
	} catch (error) {
		return `the file cannot be read: ${(error as Error).message}`;
	}
}
