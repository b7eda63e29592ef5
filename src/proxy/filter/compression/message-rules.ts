import type { HeaderMap } from "../../http/header-map.ts";

/** True when Cache-Control forbids to change the body's coding. */
export function hasNoTransform(headers: HeaderMap): boolean {
	const directives = headers.getJoined("cache-control");
	return directives?.split(",").some((one) => one.trim().toLowerCase() === "no-transform") ?? false;
}

/** Media type of the body, in lower case and without parameters; undefined: not told. */
export function mediaType(headers: HeaderMap): string | undefined {
	const type = headers.get("content-type");
	if (type === undefined) return undefined;
	const semicolon = type.indexOf(";");
	return (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase();
}

const CODINGS = new Set(["gzip", "br", "deflate", "compress", "zstd"]);

/** False when the message is compressed on the way already. */
export function transferAllows(headers: HeaderMap): boolean {
	const codings = headers.getJoined("transfer-encoding")?.split(",") ?? [];
	return !codings.some((coding) => CODINGS.has(coding.trim().toLowerCase()));
}

/** Caches must keep answers to different Accept-Encodings apart; as Envoy, which minds the case of what is there. */
export function varyByEncoding(headers: HeaderMap): void {
	const vary = headers.getJoined("vary");
	if (vary === undefined) headers.append("vary", "Accept-Encoding");
	else if (!vary.split(",").some((one) => one.trim() === "Accept-Encoding"))
		headers.set("vary", `${vary}, Accept-Encoding`);
}

/** A strong tag means these very bytes: it goes, or becomes weak. */
export function loosenEtag(headers: HeaderMap, weaken: boolean): void {
	const etag = headers.get("etag");
	if (etag === undefined || etag.length <= 2 || /^w\//i.test(etag)) return;
	if (weaken) headers.set("etag", `W/${etag}`);
	else headers.remove("etag");
}
