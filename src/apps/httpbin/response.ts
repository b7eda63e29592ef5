import { type Answer, jsonText } from "../kit/answer.ts";

const CORS = { "access-control-allow-credentials": "true", "access-control-allow-origin": "*" } as const;

/** JSON as go-httpbin writes it: indented by two, a newline at the end, open to every origin. */
export function goJson(value: unknown, status = 200, headers: Answer["headers"] = {}): Answer {
	return jsonText(`${JSON.stringify(value, null, 2)}\n`, status, {
		"content-type": "application/json; charset=utf-8",
		...CORS,
		...headers,
	});
}

export function plain(body: string, status = 200, headers: Answer["headers"] = {}): Answer {
	return { status, headers: { "content-type": "text/plain; charset=utf-8", ...CORS, ...headers }, body };
}

/** An error document: status, its name, and the reason when there is one. */
export function failure(status: number, name: string, detail?: string): Answer {
	return goJson({ status_code: status, error: name, detail }, status);
}

export function badRequest(detail: string): Answer {
	return failure(400, "Bad Request", detail);
}
