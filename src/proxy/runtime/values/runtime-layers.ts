import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type { LayeredRuntime } from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";

/** One layer as `/runtime` shows it. */
export interface RuntimeLayerView {
	readonly name: string;
	readonly values: ReadonlyMap<string, JsonValue>;
}

/** Values by key (`circuit_breakers.app.default.max_requests`), the last layer that has a key counts. */
export interface RuntimeValues {
	readonly layers: readonly RuntimeLayerView[];
	readonly values: ReadonlyMap<string, JsonValue>;
}

export const NO_RUNTIME: RuntimeValues = { layers: [], values: new Map() };

/** Reads `layered_runtime`: static layers, and an admin layer that stays empty; adds what is wrong to `problems`. */
export function readRuntimeLayers(message: LayeredRuntime, problems: Problem[]): RuntimeValues {
	const at = fieldPath("layered_runtime").field("layers");
	const layers = message.layers.map(({ name, layerSpecifier }, i): RuntimeLayerView => {
		const values = new Map<string, JsonValue>();
		if (layerSpecifier.case === "staticLayer") flatten(layerSpecifier.value, "", values);
		else if (layerSpecifier.case !== "adminLayer") {
			const what = `layers of this kind are not implemented by this proxy`;
			problems.push(problem("LTN3527", at.index(i).toString(), what, "use static_layer"));
		}
		return { name, values };
	});
	return { layers, values: new Map(layers.flatMap(({ values }) => [...values])) };
}

/** A struct that holds `numerator` or `denominator` is one value, a fraction; any other is a level of the key. */
function flatten(struct: JsonObject, prefix: string, into: Map<string, JsonValue>): void {
	for (const [name, value] of Object.entries(struct)) {
		const key = prefix === "" ? name : `${prefix}.${name}`;
		const nested = typeof value === "object" && value !== null && !Array.isArray(value);
		if (nested && !("numerator" in value) && !("denominator" in value)) flatten(value, key, into);
		else into.set(key, value);
	}
}
