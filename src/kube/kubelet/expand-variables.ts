/**
 * Kubernetes' `$(NAME)` expansion: known names are replaced, unknown ones stay as they are, `$$(NAME)` is a literal
 * `$(NAME)`.
 */
export function expandVariables(text: string, values: ReadonlyMap<string, string>): string {
	return text.replace(/\$\$|\$\(([^()]+)\)/g, (whole, name: string | undefined) => {
		if (whole === "$$") return "$";
		return values.get(name ?? "") ?? whole;
	});
}
