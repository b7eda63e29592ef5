import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	JwtRequirement,
	JwtRequirementOrList,
} from "../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";
import { type Audiences, compileAudiences, type Provider } from "./provider.ts";
import { checkTokens, type TokenPolicy } from "./token-check.ts";
import type { TokenLocations } from "./token-locations.ts";
import type { Verification } from "./verification.ts";

/** What a request must bring; tells the outcome at once, or later when keys must be fetched. */
export type Requirement = (on: Verification, done: (status: JwtStatus) => void) => void;

/** What requirements are compiled against. */
export interface RequirementScope {
	readonly providers: ReadonlyMap<string, Provider>;
	/** The places of all providers. */
	readonly allLocations: TokenLocations;
	readonly problems: ProblemList;
}

const STATUS_HEADER = "x-jwt-signature-verified";

/** Compiles a `JwtRequirement`; an empty one lets everything through. */
export function compileRequirement(
	{ requiresType: type }: JwtRequirement,
	at: FieldPath,
	scope: RequirementScope,
): Requirement {
	switch (type.case) {
		case "providerName":
			return ofProvider(type.value, undefined, at.field("provider_name"), scope);
		case "providerAndAudiences": {
			const { providerName, audiences } = type.value;
			const own = audiences.length > 0 ? compileAudiences(audiences) : undefined;
			return ofProvider(providerName, own, at.field("provider_and_audiences").field("provider_name"), scope);
		}
		case "requiresAny":
			return anyOf(type.value, at.field("requires_any").field("requirements"), scope);
		case "requiresAll":
			return allOf(
				type.value.requirements.map((inner, i) =>
					compileRequirement(inner, at.field("requires_all").field("requirements").index(i), scope),
				),
			);
		case "allowMissing":
			return ofAnyProvider({ allowMissing: true, allowFailed: false }, scope);
		case "allowMissingOrFailed":
			return ofAnyProvider({ allowMissing: true, allowFailed: true }, scope);
		case "extractOnlyWithoutValidation": {
			const statusHeader = (type.value.verificationStatusHeader || STATUS_HEADER).toLowerCase();
			return ofAnyProvider({ allowMissing: true, allowFailed: true, statusHeader }, scope);
		}
		default:
			return (_on, done) => done(JWT_STATUS.ok);
	}
}

function ofProvider(
	name: string,
	audiences: Audiences | undefined,
	at: FieldPath,
	scope: RequirementScope,
): Requirement {
	const provider = scope.providers.get(name);
	if (!provider) {
		scope.problems.add("invalid", at, `there is no provider "${name}"`, "define it under providers");
		return (_on, done) => done(JWT_STATUS.unknownIssuer);
	}
	const policy: TokenPolicy = { provider, audiences, allowMissing: false, allowFailed: false };
	return (on, done) => checkTokens(on, provider.locations, policy, done);
}

function ofAnyProvider(policy: TokenPolicy, { allLocations }: RequirementScope): Requirement {
	return (on, done) => checkTokens(on, allLocations, policy, done);
}

function allOf(children: readonly Requirement[]): Requirement {
	const from = (i: number): Requirement => {
		const child = children[i];
		if (!child) return (_on, done) => done(JWT_STATUS.ok);
		const rest = from(i + 1);
		return (on, done) => child(on, (status) => (status === JWT_STATUS.ok ? rest(on, done) : done(status)));
	};
	return from(0);
}

/** The first that is met; permission to be missing or to fail counts when none is. */
function anyOf({ requirements }: JwtRequirementOrList, at: FieldPath, scope: RequirementScope): Requirement {
	const isPermission = ({ requiresType: { case: kind } }: JwtRequirement) =>
		kind === "allowMissing" || kind === "allowMissingOrFailed";
	const allowFailed = requirements.some(({ requiresType }) => requiresType.case === "allowMissingOrFailed");
	const allowMissing = requirements.some(({ requiresType }) => requiresType.case === "allowMissing");
	const children = requirements.flatMap((inner, i) =>
		isPermission(inner) ? [] : [compileRequirement(inner, at.index(i), scope)],
	);
	if (children.length === 0) return ofAnyProvider({ allowMissing: true, allowFailed }, scope);
	const judge = (worst: JwtStatus) =>
		allowFailed || (allowMissing && worst === JWT_STATUS.missing) ? JWT_STATUS.ok : worst;
	return (on, done) => {
		const next = (i: number, worst: JwtStatus): void => {
			const child = children[i];
			if (!child) done(judge(worst));
			else child(on, (status) => (status === JWT_STATUS.ok ? done(status) : next(i + 1, worse(worst, status))));
		};
		next(0, JWT_STATUS.missing);
	};
}

/** A token that is wrong says more than one that is missing or not this provider's. */
function worse(before: JwtStatus, status: JwtStatus): JwtStatus {
	const says = status !== JWT_STATUS.missing && status !== JWT_STATUS.unknownIssuer;
	return says || before === JWT_STATUS.missing ? status : before;
}
