/**
 * Writes src/kinds/generated/ from pinned Go modules. Run by hand:
 *
 *   go mod download k8s.io/kubernetes@v1.32.0 k8s.io/api@v0.32.0 k8s.io/apimachinery@v0.32.0   (in any scratch module)
 *   node tools/kinds/generate.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { discoveryResources, schemaDefinitions } from "./openapi-data.ts";
import { protobufTables } from "./protobuf-tables.ts";
import { MODULES, sourceDigests } from "./sources.ts";

const OUT = new URL("../../src/kinds/generated/", import.meta.url);

/** One entry a line, so that a new Kubernetes version reads as a small diff. */
function writeJson(file: string, value: object): void {
	const entries = Array.isArray(value)
		? value.map((item) => JSON.stringify(item))
		: Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`);
	const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
	writeFileSync(new URL(file, OUT), `${open}\n${entries.join(",\n")}\n${close}\n`);
}

mkdirSync(OUT, { recursive: true });
writeJson("schemas.json", schemaDefinitions());
writeJson("discovery.json", discoveryResources() as object[]);
const { kinds, messages } = protobufTables();
writeJson("protobuf-kinds.json", kinds);
writeJson("protobuf-messages.json", messages);
writeJson("sources.json", { modules: MODULES, sha256: sourceDigests() });
writeFileSync(
	new URL("NOTICE", OUT),
	`The JSON files in this folder are data derived from Kubernetes (https://kubernetes.io), Copyright The Kubernetes
Authors, Apache License 2.0. They were made by tools/kinds/generate.ts from the Go modules named in sources.json
(file by file, with SHA-256): field names, types, defaults, list and patch annotations, discovery names and protobuf
field numbers; descriptions were left out. Do not edit them by hand.
`,
);
