/** A media type with its parameters, lower-cased except parameter values. */
export interface MediaType {
	readonly type: string;
	readonly parameters: Readonly<Record<string, string>>;
}

/** `application/json;as=Table;v=v1` → type and parameters. */
export function parseMediaType(text: string): MediaType {
	const [type = "", ...rest] = text.split(";");
	const parameters: Record<string, string> = {};
	for (const parameter of rest) {
		const at = parameter.indexOf("=");
		if (at < 0) continue;
		parameters[parameter.slice(0, at).trim().toLowerCase()] = parameter
			.slice(at + 1)
			.trim()
			.replace(/^"|"$/g, "");
	}
	return { type: type.trim().toLowerCase(), parameters };
}

/** The media types of an Accept header, best first (quality, then order); `*` + `/*` when there is no header. */
export function parseAccept(header: string | undefined): MediaType[] {
	if (header === undefined || header.trim() === "") return [{ type: "*/*", parameters: {} }];
	return header
		.split(",")
		.map(parseMediaType)
		.map((media, order) => ({ media, order, quality: Number(media.parameters.q ?? "1") }))
		.filter(({ quality }) => quality > 0)
		.sort((a, b) => b.quality - a.quality || a.order - b.order)
		.map(({ media }) => media);
}
