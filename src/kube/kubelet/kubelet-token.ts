import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The token of `<data>/kubelet-token`, made (mode 0600) when there is none yet: whoever has it may read logs and run commands in pods. */
export function kubeletToken(dataDir: string): string {
	const file = join(dataDir, "kubelet-token");
	try {
		const token = readFileSync(file, "utf8").trim();
		if (token !== "") return token;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
	const token = randomBytes(32).toString("base64url");
	writeFileSync(file, token, { mode: 0o600 });
	chmodSync(file, 0o600);
	return token;
}

/** Whether an Authorization header carries the token; takes the same time whatever is wrong with it. */
export function isAuthorized(header: string | undefined, token: string): boolean {
	const wanted = Buffer.from(`Bearer ${token}`);
	const given = Buffer.from(header ?? "");
	return given.length === wanted.length && timingSafeEqual(given, wanted);
}
