import { notAcceptable } from "./api-error.ts";
import { type MediaType, parseAccept } from "./media-type.ts";

/** How an answer is to be written. */
export interface Representation {
	readonly format: "json" | "yaml";
	/** Undefined: the object itself. */
	readonly as: "Table" | "PartialObjectMetadata" | undefined;
	/** Version of meta.k8s.io that a Table or PartialObjectMetadata is written in. */
	readonly metaVersion: "v1" | "v1beta1";
}

const ACCEPTED = ["application/json", "application/yaml"];

/** Representation of objects for an Accept header; throws 406 when nothing fits. */
export function negotiate(accept: string | undefined): Representation {
	for (const media of parseAccept(accept)) {
		const representation = representationOf(media);
		if (representation) return representation;
	}
	throw notAcceptable(ACCEPTED);
}

function representationOf({ type, parameters }: MediaType): Representation | undefined {
	const format = formatOf(type);
	if (!format) return undefined;
	const metaVersion = parameters.v === "v1beta1" ? "v1beta1" : "v1";
	if (parameters.as === undefined) return { format, as: undefined, metaVersion };
	if (parameters.g !== "meta.k8s.io") return undefined;
	if (parameters.as === "Table") return { format, as: "Table", metaVersion };
	if (parameters.as === "PartialObjectMetadata" || parameters.as === "PartialObjectMetadataList")
		return { format, as: "PartialObjectMetadata", metaVersion };
	return undefined;
}

function formatOf(type: string): "json" | "yaml" | undefined {
	if (type === "application/json" || type === "*/*" || type === "application/*") return "json";
	return type === "application/yaml" ? "yaml" : undefined;
}
