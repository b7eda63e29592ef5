import type { FieldPath } from "../../../lib/field-path.ts";
import type { HttpMatch } from "../virtual-service-spec.ts";
import { checkGatewayName } from "./gateway-name.ts";
import { isDnsLabel } from "./host-names.ts";
import { checkHeaderName, checkLabels, checkPort, checkRegex, JWT_CLAIM_PREFIX } from "./primitives.ts";
import type { Report } from "./report.ts";
import type { RouteScope } from "./route-scope.ts";

type StringMatch = NonNullable<HttpMatch["uri"]>;

/** One block of conditions of an HTTP rule. */
export function checkHttpMatch(match: HttpMatch, scope: RouteScope, path: FieldPath, report: Report): void {
	if (match.uri)
		checkStringMatch(match.uri, { allowEmptyPrefix: true, allowAnyRegex: false }, path.field("uri"), report);
	for (const name of ["scheme", "method", "authority"] as const) {
		const test = match[name];
		if (test) checkStringMatch(test, { allowEmptyPrefix: false, allowAnyRegex: true }, path.field(name), report);
	}
	checkHeaderTests(match.headers, scope, path.field("headers"), report);
	checkHeaderTests(match.withoutHeaders, scope, path.field("withoutHeaders"), report);
	for (const [name, test] of Object.entries(match.queryParams ?? {}))
		checkStringMatch(
			test,
			{ allowEmptyPrefix: false, allowAnyRegex: true },
			path.field("queryParams").key(name),
			report,
		);
	if (match.port !== undefined && match.port !== 0) checkPort(match.port, path.field("port"), report);
	checkLabels(match.sourceLabels, path.field("sourceLabels"), report);
	checkSources(match, path, report);
}

interface SourceTests {
	readonly gateways?: readonly string[];
	readonly sourceNamespace?: string;
}

/** Conditions on where the traffic comes from; HTTP, TLS and TCP alike. */
export function checkSources(match: SourceTests, path: FieldPath, report: Report): void {
	for (const [i, gateway] of (match.gateways ?? []).entries())
		checkGatewayName(gateway, path.field("gateways").index(i).toString(), report);
	if (match.sourceNamespace && !isDnsLabel(match.sourceNamespace))
		report.error(
			"LTN1106",
			path.field("sourceNamespace"),
			`${JSON.stringify(match.sourceNamespace)} is no namespace name`,
		);
}

function checkHeaderTests(tests: HttpMatch["headers"], scope: RouteScope, path: FieldPath, report: Report): void {
	for (const [name, test] of Object.entries(tests ?? {})) {
		const at = path.key(name);
		checkHeaderName(name, at, report);
		if (name.startsWith(JWT_CLAIM_PREFIX) && scope.atMesh)
			report.error(
				"LTN1308",
				at,
				"token claims can be matched at gateways only",
				"bind the VirtualService to gateways, without mesh",
			);
		checkStringMatch(test, { allowEmptyPrefix: false, allowAnyRegex: true }, at, report);
	}
}

interface MatchRules {
	readonly allowEmptyPrefix: boolean;
	/** `regex: "*"` stands for presence. */
	readonly allowAnyRegex: boolean;
}

function checkStringMatch(test: StringMatch, rules: MatchRules, path: FieldPath, report: Report): void {
	if (test.prefix === "" && !rules.allowEmptyPrefix)
		report.error(
			"LTN1309",
			path.field("prefix"),
			"an empty prefix matches everything",
			"leave the test empty ({}) to ask for presence",
		);
	if (test.regex === undefined || (rules.allowAnyRegex && test.regex === "*")) return;
	checkRegex(test.regex, path.field("regex"), report);
}
