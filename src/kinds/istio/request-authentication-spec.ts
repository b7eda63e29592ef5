import { s, type ValueOf } from "../schema-builder.ts";
import { POLICY_TARGETS_ONE_OF, policyTargets } from "./shared-fields.ts";

const jwtRule = () =>
	s.object(
		{
			issuer: s.string().doc("Issuer that the token must name.").required(),
			audiences: s.list(s.string({ minLength: 1 })).doc("Audiences of which the token must name one."),
			jwksUri: s.string({ maxLength: 2048 }).doc("Where the issuer's keys are fetched."),
			jwks: s.string().doc("The issuer's keys, as JSON."),
			fromHeaders: s
				.list(
					s.object({
						name: s.string({ minLength: 1 }).doc("Header name.").required(),
						prefix: s.string().doc("Text before the token, such as `Bearer `."),
					}),
				)
				.doc("Headers that may carry the token."),
			fromParams: s.list(s.string({ minLength: 1 })).doc("Query parameters that may carry the token."),
			fromCookies: s.list(s.string({ minLength: 1 })).doc("Cookies that may carry the token."),
			outputPayloadToHeader: s.string().doc("Header that gets the token's payload, base64url."),
			forwardOriginalToken: s.bool().doc("Leave the token in the request."),
			outputClaimToHeaders: s
				.list(
					s.object({
						header: s.string({ minLength: 1 }).doc("Header to write.").required(),
						claim: s.string({ minLength: 1 }).doc("Claim to read.").required(),
					}),
				)
				.doc("Claims that are copied to headers."),
			timeout: s.duration().doc("Longest wait for the keys."),
			spaceDelimitedClaims: s
				.list(s.string({ minLength: 1 }), { maxItems: 64 })
				.doc("Claims that hold several values, separated by blanks."),
		},
		[["jwksUri", "jwks"]],
	);

/** What the `spec` of a RequestAuthentication holds. */
export const requestAuthenticationSpec = s
	.object({ ...policyTargets(), jwtRules: s.list(jwtRule(), { maxItems: 4096 }).doc("Accepted issuers.") }, [
		POLICY_TARGETS_ONE_OF,
	])
	.doc("The policy.");

export type RequestAuthenticationSpec = ValueOf<typeof requestAuthenticationSpec>;
