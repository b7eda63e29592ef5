import { canonicalHeaders, sortKeys } from "../kit/canonical-headers.ts";
import { type AppRequest, header } from "../kit/request.ts";

type Values = Record<string, string[]>;

/** What a request without a body looks like to the server. */
export function describe(request: AppRequest) {
	return {
		args: valuesOf(request.query),
		headers: canonicalHeaders(request),
		method: request.method,
		origin: clientIp(request),
		url: fullUrl(request),
	};
}

/** The same with the body, taken apart by its content type; throws when it is not what the type says. */
export async function describeWithBody(request: AppRequest) {
	const body = await request.body();
	const type = (header(request, "content-type") ?? "").toLowerCase().split(";")[0]?.trim();
	const parts = { data: dataText(body, type), files: {} as Values, form: {} as Values, json: null as unknown };
	if (type === "application/x-www-form-urlencoded") parts.form = valuesOf(new URLSearchParams(body.toString()));
	else if (type === "multipart/form-data") Object.assign(parts, await multipart(request, body));
	else if (type === "application/json" && body.length > 0) parts.json = JSON.parse(body.toString());
	return { ...describe(request), ...parts };
}

/** The address of the client: the first of X-Forwarded-For when a proxy says so. */
export function clientIp(request: AppRequest): string {
	const forwarded = header(request, "x-forwarded-for")?.split(",")[0]?.trim();
	return forwarded || request.remoteAddress;
}

/** Values by name, in the order of names. */
export function valuesOf(query: URLSearchParams): Values {
	const values: Values = {};
	for (const [name, value] of query) values[name] = [...(values[name] ?? []), value];
	return sortKeys(values);
}

export function fullUrl(request: AppRequest, target = request.target): string {
	const scheme = header(request, "x-forwarded-proto") ?? "http";
	return `${scheme}://${request.headers.host ?? "localhost"}${target}`;
}

/** The body as text, or as a data URL when it is not text. */
function dataText(body: Buffer, type: string | undefined): string {
	const text = body.toString("utf8");
	if (Buffer.from(text, "utf8").equals(body)) return text;
	return `data:${type || "application/octet-stream"};base64,${body.toString("base64")}`;
}

async function multipart(request: AppRequest, body: Buffer): Promise<{ form: Values; files: Values }> {
	const response = new Response(new Uint8Array(body), {
		headers: { "content-type": header(request, "content-type") ?? "" },
	});
	const form: Values = {};
	const files: Values = {};
	for (const [name, value] of await response.formData()) {
		if (typeof value === "string") form[name] = [...(form[name] ?? []), value];
		else files[name] = [...(files[name] ?? []), await value.text()];
	}
	return { form, files };
}
