import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";

/** A protobuf duration from milliseconds (fractions down to nanoseconds). */
export function duration(ms: number): Duration {
	const seconds = Math.trunc(ms / 1000);
	return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** The same for a value that may be absent. */
export function optionalDuration(ms: number | undefined): Duration | undefined {
	return ms === undefined ? undefined : duration(ms);
}

export const ZERO_DURATION = duration(0);
