import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	RedirectAction_RedirectResponseCode as Code,
	type DirectResponseAction,
	DirectResponseActionSchema,
	type RedirectAction,
	RedirectActionSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { DirectResponse, Redirect } from "../../model/virtual-service.ts";

const CODES: Readonly<Record<number, Code>> = {
	301: Code.MOVED_PERMANENTLY,
	302: Code.FOUND,
	303: Code.SEE_OTHER,
	307: Code.TEMPORARY_REDIRECT,
	308: Code.PERMANENT_REDIRECT,
};

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** A redirect; listeners are plain HTTP, so `http` is the scheme when none is given. */
export function redirectAction(redirect: Redirect, listenerPort: number): RedirectAction {
	return create(RedirectActionSchema, {
		hostRedirect: redirect.authority,
		portRedirect: redirectPort(redirect, listenerPort),
		schemeRewriteSpecifier: redirect.scheme ? { case: "schemeRedirect", value: redirect.scheme } : undefined,
		pathRewriteSpecifier: pathRewrite(redirect),
		responseCode: CODES[redirect.code],
	});
}

/** The scheme's own port is left out of Location. */
function redirectPort({ port, derivePort, scheme }: Redirect, listenerPort: number): number | undefined {
	if (derivePort === "FROM_REQUEST_PORT") return listenerPort;
	if (port === undefined || port === DEFAULT_PORTS[scheme ?? "http"]) return undefined;
	return port;
}

function pathRewrite({
	uri,
	prefixRewrite,
}: Redirect): MessageInitShape<typeof RedirectActionSchema>["pathRewriteSpecifier"] {
	if (uri !== undefined) return { case: "pathRedirect", value: uri };
	return prefixRewrite === undefined ? undefined : { case: "prefixRewrite", value: prefixRewrite };
}

/** An answer that the proxy gives itself. */
export function directResponseAction({ status, body }: DirectResponse): DirectResponseAction {
	return create(DirectResponseActionSchema, { status, body: body && { specifier: bodySpecifier(body) } });
}

function bodySpecifier(body: NonNullable<DirectResponse["body"]>) {
	if ("text" in body) return { case: "inlineString" as const, value: body.text };
	return { case: "inlineBytes" as const, value: Uint8Array.from(atob(body.base64), (c) => c.charCodeAt(0)) };
}
