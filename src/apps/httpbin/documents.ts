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
		author: "Yours Truly",
		date: "date of publication",
		slides: [
			{ title: "Wake up to WonderWidgets!", type: "all" },
			{
				items: ["Why <em>WonderWidgets</em> are great", "Who <em>buys</em> WonderWidgets"],
				title: "Overview",
				type: "all",
			},
		],
		title: "Sample Slide Show",
	},
} as const;

/** `/xml`: the same document as XML. */
export const XML_DOCUMENT = `<?xml version='1.0' encoding='us-ascii'?>
<slideshow title="Sample Slide Show" date="Date of publication" author="Yours Truly">
    <slide type="all">
      <title>Wake up to WonderWidgets!</title>
    </slide>
    <slide type="all">
        <title>Overview</title>
        <item>Why <em>WonderWidgets</em> are great</item>
        <item/>
        <item>Who <em>buys</em> WonderWidgets</item>
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
