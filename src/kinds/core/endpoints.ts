import { builtinKind } from "../builtin-kind.ts";
import type { KubeObject } from "../object.ts";
import { AGE, listAt, text } from "../table/columns.ts";

const MAX_SHOWN = 3;

interface Subset {
	readonly addresses?: readonly { readonly ip: string }[];
	readonly ports?: readonly { readonly port: number }[];
}

/** Endpoints of the core group. */
export const Endpoints = builtinKind({
	group: "",
	kind: "Endpoints",
	columns: [text("Endpoints", formatEndpoints), AGE],
});

function formatEndpoints(endpoints: KubeObject): string {
	const subsets = listAt<Subset>(endpoints, "subsets");
	if (subsets.length === 0) return "<none>";
	return withMore(subsets.flatMap(addressesOf));
}

function addressesOf({ addresses = [], ports = [] }: Subset): string[] {
	if (ports.length === 0) return addresses.map(({ ip }) => ip);
	return ports.flatMap(({ port }) =>
		addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
	);
}

/** `a,b,c + 2 more...`: at most three entries are shown. */
export function withMore(list: readonly string[]): string {
	const shown = list.slice(0, MAX_SHOWN).join(",");
	return list.length > MAX_SHOWN ? `${shown} + ${list.length - MAX_SHOWN} more...` : shown;
}
