/**
 * Without a mount namespace a volume cannot be put at its mountPath: the container's processes see the machine's own
 * files. So each volume is a folder of its own, and paths are mapped: in `command`, `args` and the values of `env`, a mountPath
 * at the start of a word (after the beginning, a blank, a quote, `=`, `:` or `,`) becomes the real folder. Programs that know
 * Lateen find the same map in LATEEN_VOLUMES.
 */
export interface MountMap {
	/** mountPath → real path. */
	entries(): Iterable<readonly [string, string]>;
	rewrite(text: string): string;
	/** The real path of a path in the container, for what is mapped. */
	realPath(path: string): string | undefined;
}

export function createMountMap(mounts: ReadonlyMap<string, string>): MountMap {
	// The longest first: /etc/app/conf wins over /etc/app.
	const ordered = [...mounts].sort(([a], [b]) => b.length - a.length);
	const escaped = ordered.map(([path]) => path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
	const pattern = new RegExp(`(^|[\\s"'=:,])(${escaped.join("|")})(?=$|[/\\s"':,;)])`, "g");
	return {
		entries: () => mounts,
		rewrite: (text) =>
			ordered.length === 0
				? text
				: text.replace(pattern, (_, before: string, path: string) => `${before}${mounts.get(path)}`),
		realPath(path) {
			const found = ordered.find(([mount]) => path === mount || path.startsWith(`${mount}/`));
			return found && found[1] + path.slice(found[0].length);
		},
	};
}
