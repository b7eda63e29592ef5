/** `/html`: a page with a heading. */
export const HTML_PAGE = `<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>A short page</title></head>
<body><h1>A short page</h1><p>Some text to look at through a mesh.</p></body>
</html>
`;

/** `/json`: a nested document. */
export const JSON_DOCUMENT = {
	slideshow: {
		author: "The platform team",
		date: "some Friday",
		slides: [
			{ title: "One mesh, no cluster", type: "all" },
			{
				items: ["What moves when a <em>weight</em> moves", "What stays when a <em>pod</em> goes"],
				title: "Agenda",
				type: "all",
			},
		],
		title: "A slide show to send through a mesh",
	},
} as const;

/** `/xml`: the same document as XML. */
export const XML_DOCUMENT = `<?xml version='1.0' encoding='us-ascii'?>
<slideshow title="A slide show to send through a mesh" date="some Friday" author="The platform team">
  <slide type="all">
    <title>One mesh, no cluster</title>
  </slide>
  <slide type="all">
    <title>Agenda</title>
    <item>What moves when a <em>weight</em> moves</item>
    <item>What stays when a <em>pod</em> goes</item>
  </slide>
</slideshow>
`;

/** `/`: what there is to ask. */
export function indexPage(paths: readonly string[]): string {
	const items = paths.map((path) => `<li><code>${path}</code></li>`);
	return `<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>go-httpbin</title></head>
<body><h1>httpbin</h1><p>Lateen's built-in httpbin answers these requests as go-httpbin does:</p><ul>${items.join("")}</ul></body>
</html>
`;
}
