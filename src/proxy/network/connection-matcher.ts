import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../lib/field-path.ts";
import { unpackAs } from "../../xds/any.ts";
import type { Matcher } from "../../xds/generated/xds/type/matcher/v3/matcher_pb.ts";
import { compileXdsMatcher } from "../filter/rbac/xds-matcher.ts";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import { ProblemList } from "../router/problem-list.ts";

/** What a matcher says of a connection, with the application protocols that its client offers. */
export type ConnectionMatcher = (connection: ConnectionInfo, offered: readonly string[]) => string | undefined;

/** Compiles a matcher of connections whose actions are texts (names of filter chains); throws ProblemError with paths below `at`. */
export function compileConnectionMatcher(matcher: Matcher, at: FieldPath): ConnectionMatcher {
	const problems = new ProblemList();
	const find = compileXdsMatcher<string>(matcher, at, {
		problems,
		layer: "network",
		compileAction(any, actionAt) {
			const name = unpackAs(any, StringValueSchema)?.value;
			if (name === undefined)
				problems.notImplemented(actionAt, "an action other than a name (google.protobuf.StringValue)");
			return name;
		},
	});
	problems.throwIfAny();
	return (connection, offered) => {
		const { filterState, dynamicMetadata } = connection;
		// The input of application protocols prints them all, each in quotes (Envoy: ApplicationProtocolInput).
		const applicationProtocol = offered.length > 0 ? offered.join("','") : undefined;
		const seen = { ...connection, applicationProtocol };
		return find({ info: { connection: seen, downstreamRemoteAddress: undefined, filterState, dynamicMetadata } });
	};
}
