import { create } from "@bufbuild/protobuf";
import { formatProblem, type Problem } from "../../lib/problem.ts";
import { type Status, StatusSchema } from "../../xds/generated/google/rpc/status_pb.ts";
import type { ResourceType } from "../../xds/type-urls.ts";

/** What is wanted of one type: every resource that the server has for this node, or these names. */
export type Subscription = "all" | ReadonlySet<string>;

/** The order in which types are asked for, so that nothing is named before it can be known (Envoy: xDS protocol). */
export const TYPE_ORDER: readonly ResourceType[] = [
	"cluster",
	"endpoint",
	"listener",
	"scopedRoute",
	"route",
	"virtualHost",
	"secret",
	"extension",
];

/**
 * One variant of the ADS protocol without its stream: what to send when. Lives as long as the process, so that a new stream
 * resumes where the last one broke off.
 */
export interface Session<Request, Response> {
	/** First requests on a new stream. */
	open(): Request[];
	/** Requests after the wish for a type changed; none while no stream is open is fine, `open` covers it. */
	subscribe(type: ResourceType, wanted: Subscription): Request[];
	/** Asks for names now, though they may have been asked for before; only delta can. */
	demand?(type: ResourceType, names: readonly string[]): Request[];
	/** Nothing more is expected: timers end. */
	close?(): void;
	/** Applies a response; the answer is its ACK or NACK. */
	receive(response: Response): Request[];
}

const INVALID_ARGUMENT = 3;

/** `error_detail` with every problem, one per line. */
export function nackStatus(problems: readonly Problem[]): Status {
	return create(StatusSchema, { code: INVALID_ARGUMENT, message: problems.map(formatProblem).join("\n") });
}
