/** What a handler gives back; a body that is an iterable is streamed chunk by chunk. */
export interface Answer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | readonly string[]>>;
	readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
}

type Headers = Answer["headers"];

export function text(body: string, status = 200, headers: Headers = {}): Answer {
	return { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body };
}

export function html(body: string, status = 200, headers: Headers = {}): Answer {
	return { status, headers: { "content-type": "text/html; charset=utf-8", ...headers }, body };
}

/** Compact JSON; a body that is JSON text already goes through `jsonText`. */
export function json(value: unknown, status = 200, headers: Headers = {}): Answer {
	return jsonText(JSON.stringify(value), status, headers);
}

export function jsonText(body: string, status = 200, headers: Headers = {}): Answer {
	return { status, headers: { "content-type": "application/json", ...headers }, body };
}

export function empty(status: number, headers: Headers = {}): Answer {
	return { status, headers, body: "" };
}
