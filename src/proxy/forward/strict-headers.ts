import type { HeaderMap } from "../http/header-map.ts";
import type { LocalReply } from "../http/message.ts";
import { isRetryToken } from "../router/action/retry-rules.ts";

/** The answer to a request one of whose `names` has no valid value (Envoy: StrictHeaderChecker); undefined: all are fine. */
export function strictRefusal(headers: HeaderMap, names: readonly string[]): LocalReply | undefined {
	for (const name of names) {
		const value = headers.get(name);
		if (value === undefined || isValid(name, value)) continue;
		return {
			status: 400,
			body: `invalid header '${name}' with value '${value}'`,
			flag: "IH",
			details: `request_headers_failed_strict_check{${name}}`,
		};
	}
	return undefined;
}

const HTTP_TOKENS =
	/^(5xx|gateway-error|connect-failure|refused-stream|retriable-4xx|retriable-status-codes|retriable-headers|envoy-ratelimited|reset|reset-before-request|http3-post-connect-failure)$/;

function isValid(name: string, value: string): boolean {
	if (!name.includes("retry")) return /^\s*\+?\d{1,18}\s*$/.test(value);
	const wantsHttp = name === "x-envoy-retry-on";
	return value.split(",").every((token) => isRetryToken(token.trim()) && HTTP_TOKENS.test(token.trim()) === wantsHttp);
}
