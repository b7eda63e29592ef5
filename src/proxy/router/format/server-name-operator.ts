import { type FormatContext, type FormatOperator, OperatorError } from "./format-context.ts";

const FORMS = ["", "SNI_ONLY", "SNI_FIRST", "HOST_FIRST"];
const HOSTS = ["", "ORIG", "HOST", "ORIG_OR_HOST"];

/** %REQUESTED_SERVER_NAME(X:Y)%: the name that the client asked for by TLS, or the host of its request. */
export function serverNameOperator(text: string): FormatOperator {
	const [form = "", host = ""] = text.split(":");
	if (!FORMS.includes(form) || !HOSTS.includes(host))
		throw new OperatorError(
			`"${text}" is no use of %REQUESTED_SERVER_NAME%: SNI_ONLY, SNI_FIRST or HOST_FIRST, then ORIG, HOST or ORIG_OR_HOST`,
		);
	if (form === "SNI_FIRST") return (ctx) => sni(ctx) ?? hostOf(ctx, host);
	if (form === "HOST_FIRST") return (ctx) => hostOf(ctx, host) ?? sni(ctx);
	return sni;
}

/** What cannot be in a host name is not shown. */
function sni({ info }: FormatContext): string | undefined {
	const name = info.requestedServerName ?? info.connection?.requestedServerName;
	return name === undefined || name === "" ? undefined : name.replace(/[^A-Za-z0-9.-]/g, "_");
}

function hostOf({ request }: FormatContext, which: string): string | undefined {
	const original = which === "HOST" ? undefined : request?.headers.get("x-envoy-original-host");
	const host = original ?? (which === "ORIG" ? undefined : request?.authority);
	return host === "" ? undefined : host;
}
