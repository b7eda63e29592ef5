import { createHash, timingSafeEqual } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** Who sends a request. */
export interface User {
	readonly name: string;
	readonly groups: readonly string[];
}

/** Tells who a request is from; undefined when it carries no valid credential. */
export type Authenticator = (authorization: string | undefined, socket: TLSSocket) => User | undefined;

const ADMIN: User = { name: "lateen-admin", groups: ["system:masters", "system:authenticated"] };

/** Accepts the administrator's bearer token and client certificates of the server's own authority. */
export function createAuthenticator(adminToken: string): Authenticator {
	const expected = digest(adminToken);
	const bySocket = new WeakMap<TLSSocket, User>();
	return (authorization, socket) => {
		const token = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1];
		if (token !== undefined) return timingSafeEqual(digest(token.trim()), expected) ? ADMIN : undefined;
		const known = bySocket.get(socket);
		if (known) return known;
		const user = userOfCertificate(socket);
		if (user) bySocket.set(socket, user);
		return user;
	};
}

function userOfCertificate(socket: TLSSocket): User | undefined {
	if (!socket.authorized) return undefined;
	const { subject } = socket.getPeerCertificate();
	if (!subject?.CN) return undefined;
	const groups = subject.O === undefined ? [] : [subject.O].flat();
	return { name: String(subject.CN), groups: [...groups, "system:authenticated"] };
}

function digest(text: string): Buffer {
	return createHash("sha256").update(text).digest();
}
