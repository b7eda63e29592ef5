/** Splits `apps/v1` and `v1`. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
	const slash = apiVersion.indexOf("/");
	if (slash < 0) return { group: "", version: apiVersion };
	return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** Joins group and version as `apiVersion` writes them. */
export function formatApiVersion(group: string, version: string): string {
	return group === "" ? version : `${group}/${version}`;
}
