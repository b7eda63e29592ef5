import type { FieldPath } from "../../../lib/field-path.ts";
import type { AuthorizationPolicySpec } from "../authorization-policy-spec.ts";
import { isCidrOrIp } from "./host-names.ts";
import { isPort } from "./primitives.ts";
import type { Report } from "./report.ts";

type Condition = NonNullable<NonNullable<AuthorizationPolicySpec["rules"]>[number]["when"]>[number];

/** Keys about the connection's peer. */
export const PEER_KEYS = new Set([
	"source.ip",
	"remote.ip",
	"source.namespace",
	"source.serviceAccount",
	"source.trustDomain",
	"source.principal",
	"destination.ip",
	"destination.port",
	"connection.sni",
]);

const TOKEN_KEYS = new Set(["request.auth.principal", "request.auth.audiences", "request.auth.presenter"]);
const MAP_KEY =
	/^(?:request\.headers\[[^[\]]+\]|request\.auth\.claims(?:\[[^[\]]+\])+|experimental\.envoy\.filters\.[^[\]]+\[[^[\]]+\])$/;

/** Attributes that are only known after the step at which CUSTOM policies are asked. */
const NOT_FOR_CUSTOM = [
	"source.namespace",
	"source.serviceAccount",
	"source.trustDomain",
	"source.principal",
	"request.auth.",
];

/** One entry of `when`. */
export function checkCondition(
	{ key, values = [], notValues = [] }: Condition,
	action: string,
	path: FieldPath,
	report: Report,
): void {
	const at = path.field("key");
	if (!PEER_KEYS.has(key) && !TOKEN_KEYS.has(key) && !MAP_KEY.test(key))
		report.error(
			"LTN1907",
			at,
			`${JSON.stringify(key)} is no attribute that conditions know`,
			"see the list of condition keys",
		);
	if (action === "CUSTOM" && NOT_FOR_CUSTOM.some((prefix) => key.startsWith(prefix)))
		report.error("LTN1904", at, `${key} is not possible with CUSTOM`);
	if (values.length + notValues.length === 0)
		report.error("LTN1905", path, "the condition has neither values nor notValues");
	for (const value of [...values, ...notValues]) checkValue(key, value, path, report);
}

function checkValue(key: string, value: string, path: FieldPath, report: Report): void {
	if (value === "") report.error("LTN1905", path, "a value is empty");
	else if (key.endsWith(".ip") && !isCidrOrIp(value))
		report.error("LTN1111", path, `${JSON.stringify(value)} is no address or CIDR block`);
	else if (key === "destination.port" && !isPort(Number(value)))
		report.error("LTN1102", path, `${JSON.stringify(value)} is no port number`);
}
