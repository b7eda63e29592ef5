const MAX_BYTES = 10 * 1024 * 1024;
const TIMEOUT_MS = 5000;

/** The application's metrics as text, at most 10 MiB; rejects when they cannot be had. */
export async function scrapeApplication(url: string): Promise<string> {
	const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "text/plain" } });
	if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`);
	const chunks: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of response.body) {
		size += chunk.length;
		if (size > MAX_BYTES) throw new Error(`${url} answered more than 10 MiB`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}
