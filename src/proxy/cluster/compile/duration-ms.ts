import type { Duration } from "@bufbuild/protobuf/wkt";

/** Milliseconds of a protobuf Duration, or `fallbackMs` when it is not set. */
export function durationMs(duration: Duration | undefined, fallbackMs: number): number {
	return duration ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : fallbackMs;
}
