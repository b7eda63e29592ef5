import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { AuthorizationPolicySpec } from "../authorization-policy-spec.ts";
import { checkCondition, PEER_KEYS } from "./authorization-condition-check.ts";
import { isCidrOrIp } from "./host-names.ts";
import { checkPathTemplate } from "./path-template.ts";
import { checkPolicyTargets } from "./policy-target-check.ts";
import { Report } from "./report.ts";

type Rule = NonNullable<AuthorizationPolicySpec["rules"]>[number];
type Lists = Readonly<Record<string, readonly string[] | undefined>>;

/** Istio's semantic rules for AuthorizationPolicies (security reference 1.8). */
export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	checkPolicyTargets(spec, report);
	const { action = "ALLOW", provider, rules } = spec;
	if (action === "CUSTOM" && !provider?.name)
		report.error("LTN1904", path.field("provider"), "CUSTOM needs provider.name");
	if (action !== "CUSTOM" && provider)
		report.error("LTN1904", path.field("provider"), `provider has no meaning with ${action}`, "use action CUSTOM");
	if ((action === "DENY" || action === "CUSTOM") && rules === undefined)
		report.error(
			"LTN1904",
			path.field("rules"),
			`${action} without rules would never apply`,
			"add rules; [{}] matches everything",
		);
	for (const [i, rule] of (rules ?? []).entries()) checkRule(rule, action, path.field("rules").index(i), report);
	return report;
}

function checkRule(rule: Rule, action: string, path: FieldPath, report: Report): void {
	for (const name of ["from", "to"] as const)
		if (rule[name]?.length === 0)
			report.error("LTN1905", path.field(name), `${name} is empty`, "remove it to match everything");
	for (const [i, { source }] of (rule.from ?? []).entries()) {
		const at = path.field("from").index(i).field("source");
		checkLists(source as Lists | undefined, at, report);
		if (source) checkSource(source, action, at, report);
	}
	for (const [i, { operation }] of (rule.to ?? []).entries()) {
		const at = path.field("to").index(i).field("operation");
		checkLists(operation as Lists | undefined, at, report);
		if (operation) checkOperation(operation, at, report);
	}
	for (const [i, condition] of (rule.when ?? []).entries())
		checkCondition(condition, action, path.field("when").index(i), report);
	if (action === "DENY" && matchesHttpOnly(rule))
		report.warn(
			"LTN1906",
			path,
			"the rule has HTTP attributes only: on TCP ports it denies everything",
			"add to.operation.ports",
		);
}

/** Some field must be set, and no list may hold an empty text. */
function checkLists(lists: Lists | undefined, path: FieldPath, report: Report): void {
	const entries = Object.entries(lists ?? {}).filter(([, list]) => (list ?? []).length > 0);
	if (entries.length === 0) report.error("LTN1905", path, "no field is set", "remove the entry to match everything");
	for (const [name, list] of entries)
		for (const [i, value] of (list ?? []).entries())
			if (value === "") report.error("LTN1905", path.field(name).index(i), "the value is empty");
}

type Source = NonNullable<NonNullable<Rule["from"]>[number]["source"]>;

const BLOCKS = ["ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"] as const;
const PEER_FIELDS = ["principals", "namespaces", "serviceAccounts", "trustDomains", "requestPrincipals"] as const;

function checkSource(source: Source, action: string, path: FieldPath, report: Report): void {
	for (const name of BLOCKS) checkBlocks(source[name] ?? [], path.field(name), report);
	const accounts = [...(source.serviceAccounts ?? []), ...(source.notServiceAccounts ?? [])];
	const others = [source.principals, source.notPrincipals, source.namespaces, source.notNamespaces];
	const at = path.field("serviceAccounts");
	if (accounts.length > 0 && others.some((list) => (list ?? []).length > 0))
		report.error("LTN1905", at, "serviceAccounts cannot stand beside principals or namespaces");
	if (accounts.some((account) => account.includes("*")))
		report.error("LTN1905", at, "serviceAccounts take no wildcard");
	if (action === "CUSTOM") refusePeerFields(source as Lists, path, report);
}

function checkBlocks(blocks: readonly string[], path: FieldPath, report: Report): void {
	for (const [i, block] of blocks.entries())
		if (!isCidrOrIp(block))
			report.error("LTN1111", path.index(i), `${JSON.stringify(block)} is no address or CIDR block`);
}

/** CUSTOM policies are asked before the peer's identity and the token are known. */
function refusePeerFields(source: Lists, path: FieldPath, report: Report): void {
	for (const name of PEER_FIELDS.flatMap((field) => [field, `not${field[0]!.toUpperCase()}${field.slice(1)}`]))
		if (source[name]) report.error("LTN1904", path.field(name), `${name} is not possible with CUSTOM`);
}

type Operation = NonNullable<NonNullable<Rule["to"]>[number]["operation"]>;

function checkOperation(operation: Operation, path: FieldPath, report: Report): void {
	for (const name of ["ports", "notPorts"] as const)
		for (const [i, port] of (operation[name] ?? []).entries())
			if (!/^\d+$/.test(port) || Number(port) > 65535)
				report.error("LTN1102", path.field(name).index(i), `${JSON.stringify(port)} is no port number`);
	for (const name of ["paths", "notPaths"] as const)
		for (const [i, text] of (operation[name] ?? []).entries())
			checkPathTemplate(text, path.field(name).index(i), report);
}

const HTTP_FIELDS = ["hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"] as const;

function matchesHttpOnly(rule: Rule): boolean {
	const operations = (rule.to ?? []).map(({ operation }) => operation ?? {});
	const hasHttp = operations.some((operation) => HTTP_FIELDS.some((name) => operation[name]));
	const hasPorts = operations.some(({ ports, notPorts }) => ports || notPorts);
	const hasPeer = (rule.from ?? []).length > 0 || (rule.when ?? []).some(({ key }) => PEER_KEYS.has(key));
	return hasHttp && !hasPorts && !hasPeer;
}
