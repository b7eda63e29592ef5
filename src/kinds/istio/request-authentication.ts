import { defineKind } from "../define-kind.ts";
import { checkRequestAuthentication } from "./check/request-authentication-check.ts";
import { requestAuthenticationSpec } from "./request-authentication-spec.ts";

/** Which tokens are accepted. */
export const RequestAuthentication = defineKind({
	group: "security.istio.io",
	versions: ["v1", "v1beta1"],
	kind: "RequestAuthentication",
	plural: "requestauthentications",
	shortNames: ["ra"],
	categories: ["istio-io", "security-istio-io"],
	doc: "Says which JSON Web Tokens are accepted; a request without one passes.",
	spec: requestAuthenticationSpec,
	check: checkRequestAuthentication,
});
