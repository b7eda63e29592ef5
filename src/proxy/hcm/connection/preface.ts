/** As much of HTTP/2's preface as Envoy looks at with `codec_type: AUTO`. */
const PREFACE = Buffer.from("PRI * HTTP/2");

/** Whether the first bytes of a connection begin HTTP/2; "maybe" while there are too few of them. */
export function beginsHttp2(buf: Buffer, end: number): "yes" | "no" | "maybe" {
	if (buf[0] !== PREFACE[0]) return "no";
	const compared = Math.min(end, PREFACE.length);
	if (buf.compare(PREFACE, 0, compared, 0, compared) !== 0) return "no";
	return compared === PREFACE.length ? "yes" : "maybe";
}
