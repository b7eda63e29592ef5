/** Polls until `check` answers something other than undefined or false; throws after `deadlineMs` with what was awaited. */
export async function eventually<T>(
	what: string,
	check: () => T | Promise<T>,
	deadlineMs = 5000,
): Promise<NonNullable<T>> {
	const end = performance.now() + deadlineMs;
	for (;;) {
		const answer = await check();
		if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<T>;
		if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}
