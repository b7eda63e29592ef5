import { defineKind } from "../define-kind.ts";
import { checkWasmPlugin } from "./check/wasm-plugin-check.ts";
import { wasmPluginSpec } from "./wasm-plugin-spec.ts";

/** A WebAssembly filter for proxies. */
export const WasmPlugin = defineKind({
	group: "extensions.istio.io",
	versions: ["v1alpha1"],
	kind: "WasmPlugin",
	plural: "wasmplugins",
	categories: ["istio-io", "extensions-istio-io"],
	doc: "Adds a WebAssembly filter to proxies.",
	spec: wasmPluginSpec,
	check: checkWasmPlugin,
});
