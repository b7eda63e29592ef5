import type { AppRequest } from "../kit/request.ts";

const COOKIE = "session";

/**
 * Who is signed in, kept in a signed cookie as Flask does: `base64url(JSON).seconds.signature`. The signature stops
 * guests from naming themselves; there are no passwords to protect.
 */
export class Sessions {
	readonly #secret: string;

	constructor(secret: string) {
		this.#secret = secret;
	}

	/** The user of the request's session cookie; undefined without one or when its signature is wrong. */
	userOf(request: AppRequest): string | undefined {
		const value = cookieOf(request.headers.cookie ?? "");
		const [payload = "", seconds = "", signature = ""] = value.split(".");
		if (payload === "" || !this.#isSigned(`${payload}.${seconds}`, signature)) return undefined;
		const session: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
		const user = (session as { user?: unknown }).user;
		return typeof user === "string" ? user : undefined;
	}

	/** The `Set-Cookie` value that signs `user` in. */
	signIn(user: string, epochMs: number): string {
		const payload = Buffer.from(JSON.stringify({ user })).toString("base64url");
		const signed = `${payload}.${Math.floor(epochMs / 1000)}`;
		return `${COOKIE}=${signed}.${this.#sign(signed).toString("base64url")}; HttpOnly; Path=/`;
	}

	/** The `Set-Cookie` value that signs out. */
	signOut(): string {
		return `${COOKIE}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/`;
	}

	#isSigned(signed: string, signature: string): boolean {
		const given = Buffer.from(signature, "base64url");
		const right = this.#sign(signed);
		return given.length === right.length && crypto().timingSafeEqual(given, right);
	}

	#sign(text: string): Buffer {
		return crypto().createHmac("sha256", this.#secret).update(text).digest();
	}
}

/** Loaded by the first sign-in, not at start: most pages never need it. */
function crypto() {
	return process.getBuiltinModule("node:crypto");
}

function cookieOf(header: string): string {
	for (const part of header.split(";")) {
		const [name, value = ""] = part.trim().split("=", 2);
		if (name === COOKIE) return value;
	}
	return "";
}
