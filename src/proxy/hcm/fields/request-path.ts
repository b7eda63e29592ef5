import type { PathSettings } from "../hcm-config.ts";

/** What became of a path: taken (maybe changed), refused with 400, or answered with a redirect to its clean form. */
export type PathOutcome =
	| { readonly kind: "ok"; readonly path: string }
	| { readonly kind: "refuse"; readonly path: string }
	| { readonly kind: "redirect"; readonly path: string };

/**
 * Applies path_with_escaped_slashes_action, normalize_path (RFC 3986 5.2.4 and 6.2.2, escapes keep their case) and merge_slashes, in
 * Envoy's order. The query stays.
 */
export function cleanPath(target: string, settings: PathSettings): PathOutcome {
	const question = target.indexOf("?");
	let path = question < 0 ? target : target.slice(0, question);
	const query = question < 0 ? "" : target.slice(question);
	let redirect = false;
	if (settings.escapedSlashes !== "keep" && /%2f|%5c/i.test(path)) {
		path = path.replace(/%2f/gi, "/").replace(/%5c/gi, "\\");
		if (settings.escapedSlashes === "reject") return { kind: "refuse", path: path + query };
		redirect = settings.escapedSlashes === "unescape-and-redirect";
	}
	if (settings.normalizePath) {
		const normal = normalize(path);
		if (normal === undefined) return { kind: "refuse", path: target };
		path = normal;
	}
	if (settings.mergeSlashes) path = path.replace(/\/{2,}/g, "/");
	return { kind: redirect ? "redirect" : "ok", path: path + query };
}

/** Undefined for a path that leaves its root or is not a valid one. */
function normalize(path: string): string | undefined {
	if (!path.startsWith("/")) return undefined;
	const decoded = path.replaceAll("\\", "/").replace(/%[0-9a-f]{2}/gi, decodeUnreserved);
	if (/%00/.test(decoded)) return undefined;
	const out: string[] = [];
	const segments = decoded.split("/").slice(1);
	for (const [i, segment] of segments.entries()) {
		const last = i === segments.length - 1;
		const bare = withoutParameters(segment);
		if (bare === "." || bare === "..") {
			if (bare === ".." && out.length > 0) out.pop();
			if (last) out.push("");
		} else out.push(segment);
	}
	return `/${out.join("/")}`;
}

/** Parameters do not make a dot segment another one: servers that know them take `..;x` for `..`. */
function withoutParameters(segment: string): string {
	return segment.startsWith(".") ? segment.split(";", 1)[0]! : segment;
}

/** Only what means the same unescaped is unescaped. */
function decodeUnreserved(escaped: string): string {
	const c = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
	return /[A-Za-z0-9\-._~]/.test(c) ? c : escaped;
}

/** Host without port (`any`, or when it is the listener's own), and without a final dot when asked. */
export function cleanAuthority(authority: string, settings: PathSettings, localPort: number): string {
	const bracket = authority.lastIndexOf("]");
	const colon = authority.lastIndexOf(":");
	const hasPort = colon > bracket;
	let host = hasPort ? authority.slice(0, colon) : authority;
	let port = hasPort ? authority.slice(colon) : "";
	const strips = settings.stripPort === "any" || (settings.stripPort === "matching" && port === `:${localPort}`);
	if (strips && /^:\d*$/.test(port)) port = "";
	if (settings.stripTrailingHostDot && host.endsWith(".")) host = host.slice(0, -1);
	return host + port;
}
