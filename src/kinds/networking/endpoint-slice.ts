import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { withMore } from "../core/endpoints.ts";
import { checkEnum, checkImmutable, checkUnique } from "../core/field-rules.ts";
import { objectsIn, setDefault, setText } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import type { JsonObject } from "../schema/schema-path.ts";
import { AGE, listAt, text, textAt } from "../table/columns.ts";

interface Port {
	readonly port?: number | null;
	readonly name?: string | null;
}

/** EndpointSlice of discovery.k8s.io/v1. */
export const EndpointSlice = builtinKind({
	group: "discovery.k8s.io",
	kind: "EndpointSlice",
	hasGeneration: true,
	columns: [
		text("AddressType", (slice) => textAt(slice, "addressType")),
		text(
			"Ports",
			(slice) =>
				withMore(listAt<Port>(slice, "ports").map(({ port, name }) => String(port ?? name ?? "*"))) || "<unset>",
		),
		text(
			"Endpoints",
			(slice) =>
				withMore(listAt<{ addresses?: string[] }>(slice, "endpoints").flatMap(({ addresses = [] }) => addresses)) ||
				"<unset>",
		),
		AGE,
	],
	applyDefaults(slice) {
		for (const port of objectsIn(slice as unknown as JsonObject, "ports")) {
			setDefault(port, "name", "");
			setText(port, "protocol", "TCP");
		}
	},
	validate: (slice, old) => ({ errors: validateSlice(slice, old), warnings: [] }),
});

function validateSlice(slice: KubeObject, old: KubeObject | undefined): FieldError[] {
	const path = fieldPath("addressType");
	const errors = slice.addressType ? checkEnum(slice.addressType, ["FQDN", "IPv4", "IPv6"], path) : [required(path)];
	const ports = listAt<Port>(slice, "ports");
	errors.push(...checkUnique(ports.map(({ name }, i) => [name ?? "", fieldPath("ports").index(i).field("name")])));
	if (old) errors.push(...checkImmutable(slice.addressType, old.addressType, path));
	return errors;
}
