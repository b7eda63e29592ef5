import type { Any } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../lib/field-path.ts";
import type { Matcher } from "../../xds/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { RequestHead } from "../http/message.ts";
import type { ProblemList } from "./problem-list.ts";

/** Compiles a tree of matchers whose leaves are `T` (proxy/filter: `compileXdsMatcher`). */
export type CompileMatcher = <T>(
	matcher: Matcher,
	at: FieldPath,
	on: { readonly problems: ProblemList; compileAction(action: Any | undefined, at: FieldPath): T | undefined },
) => (subject: { readonly request: RequestHead; readonly info: StreamInfo }) => T | undefined;
