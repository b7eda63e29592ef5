/** gRPC status names in code order (gRPC core, statuscodes.md). */
const NAMES = [
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
];

/** The code of a status name such as `UNAVAILABLE`; undefined when there is no such status. */
export function grpcStatusCode(name: string): number | undefined {
	const code = NAMES.indexOf(name);
	return code < 0 ? undefined : code;
}
