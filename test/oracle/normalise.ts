/** kubectl's output with everything replaced that two servers cannot agree on: ids, times, versions, allotted addresses and ports. */
export function normalise(text: string): string {
	return text
		.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uid>")
		.replace(/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
		.replace(/\w{3}, \d\d \w{3} 20\d\d [\d:]{8} [+-]\d{4}/g, "<time>")
		.replace(/(resourceVersion: )"\d+"/g, "$1<version>")
		.replace(/(Resource Version:\s+)\d+/g, "$1<version>")
		.replace(/\b(10\.96|127\.77\.1\d\d)\.\d+(\.\d+)?\b/g, "<cluster ip>")
		.replace(/\b3[0-2]\d{3}\b/g, "<node port>")
		.replace(/\b\d+(ms|s|m|m\d+s)(?=\s|$)/gm, "<age>")
		.replace(/https:\/\/127\.0\.0\.1:\d+/g, "<server>")
		.replace(/\/tmp\/(LIVE|MERGED)-\d+/g, "/tmp/$1")
		.replace(/^(---|\+\+\+) (\S+)\t.*$/gm, "$1 $2")
		.replace(/^ *creationTimestamp: null\n/gm, "") // Go has no other word for no time, in templates
		.replace(/metadata: \{\}/g, "metadata:")
		.replace(/ {2,}/g, (blanks) => (blanks.length > 2 ? "   " : blanks))
		.trimEnd();
}
