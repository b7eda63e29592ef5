import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type { ListenerFilterChainMatchPredicate } from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";

/** Whether a listener filter passes a connection by. */
export type FilterPredicate = (connection: ConnectionInfo) => boolean;

/** Compiles a `filter_disabled` predicate (Envoy: ListenerFilterChainMatchPredicate); what it says of ports is of the restored destination. */
export function compilePredicate(
	{ rule }: ListenerFilterChainMatchPredicate,
	at: FieldPath,
	problems: Problem[],
): FilterPredicate {
	const inner = (rules: readonly ListenerFilterChainMatchPredicate[], field: string) =>
		rules.map((one, i) => compilePredicate(one, at.field(field).field("rules").index(i), problems));
	switch (rule.case) {
		case "orMatch": {
			const tests = inner(rule.value.rules, "or_match");
			return (connection) => tests.some((test) => test(connection));
		}
		case "andMatch": {
			const tests = inner(rule.value.rules, "and_match");
			return (connection) => tests.every((test) => test(connection));
		}
		case "notMatch": {
			const test = compilePredicate(rule.value, at.field("not_match"), problems);
			return (connection) => !test(connection);
		}
		case "anyMatch":
			return () => true;
		case "destinationPortRange": {
			const { start, end } = rule.value;
			return ({ localPort }) => localPort >= start && localPort < end;
		}
		default:
			problems.push(problem("LTN3113", at.toString(), "the predicate has no rule", "set one"));
			return () => false;
	}
}
