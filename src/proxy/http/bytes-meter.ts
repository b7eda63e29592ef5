/**
 * What one message exchange takes on a connection, framing included (Envoy: %..._WIRE_BYTES_...%, %..._HEADER_BYTES_...%). The codecs count
 * into it where there is one: streams have meters only while a configuration asks for their numbers.
 */
export class BytesMeter {
	wireReceived = 0;
	wireSent = 0;
	headerReceived = 0;
	headerSent = 0;
	/** HTTP/2: header blocks before compression; HTTP/1: as `header...`. */
	plainHeaderReceived = 0;
	plainHeaderSent = 0;

	add(other: BytesMeter): void {
		this.wireReceived += other.wireReceived;
		this.wireSent += other.wireSent;
		this.headerReceived += other.headerReceived;
		this.headerSent += other.headerSent;
		this.plainHeaderReceived += other.plainHeaderReceived;
		this.plainHeaderSent += other.plainHeaderSent;
	}
}

/** Shared by what compiles formats and what serves streams: set once somebody's configuration shows a meter's numbers. */
export interface Metering {
	wanted: boolean;
}
