import type { AdminContext } from "./admin-context.ts";

/** The answer of an admin page; `status` is 200 unless said. */
export interface AdminAnswer {
	readonly status?: number;
	readonly contentType?: string;
	readonly body: string;
}

/** One path of the admin server. */
export interface AdminPage {
	readonly path: string;
	readonly help: string;
	/** Changes the server's state: POST only, as in Envoy. */
	readonly mutates?: boolean;
	answer(context: AdminContext, query: URLSearchParams): AdminAnswer | Promise<AdminAnswer>;
}

export const JSON_TYPE = "application/json";

/** Envoy's answer to wrong parameters. */
export function badRequest(body: string): AdminAnswer {
	return { status: 400, body: `${body}\n` };
}

/** Whether a flag parameter is there (`?usedonly`, `?usedonly=true`) and not switched off. */
export function hasFlag(query: URLSearchParams, name: string): boolean {
	const value = query.get(name);
	return value !== null && value !== "false" && value !== "0";
}
