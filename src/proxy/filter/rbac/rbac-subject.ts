import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";

/** Who wants what: a request on its connection, or a connection alone. An HTTP filter's stream is one. */
export interface RbacSubject {
	readonly info: Pick<StreamInfo, "connection" | "downstreamRemoteAddress" | "dynamicMetadata" | "filterState">;
	/** Undefined for a network filter: whatever looks at the request then does not match. */
	readonly request?: RequestHead | undefined;
	/** For metadata of the route. */
	route?(): { readonly metadata: Readonly<Record<string, unknown>> } | undefined;
}

/** The connection; streams without one do not come to filters. */
export function connectionOf({ info }: RbacSubject): ConnectionInfo {
	if (!info.connection) throw new Error("a stream without a connection cannot be authorized");
	return info.connection;
}

/** One compiled condition. */
export type RbacTest = (subject: RbacSubject) => boolean;

/** All of them, in order. */
export function allOf(tests: readonly RbacTest[]): RbacTest {
	if (tests.length === 1) return tests[0]!;
	return (subject) => {
		for (const test of tests) if (!test(subject)) return false;
		return true;
	};
}

/** Any of them, in order. */
export function anyOf(tests: readonly RbacTest[]): RbacTest {
	if (tests.length === 1) return tests[0]!;
	return (subject) => {
		for (const test of tests) if (test(subject)) return true;
		return false;
	};
}
