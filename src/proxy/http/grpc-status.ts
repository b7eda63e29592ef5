const BY_HTTP_STATUS: Readonly<Record<number, number>> = {
	400: 13,
	401: 16,
	403: 7,
	404: 12,
	429: 14,
	502: 14,
	503: 14,
	504: 14,
};

/** The gRPC status that an HTTP status stands for (gRPC over HTTP/2, "HTTP to gRPC status code mapping"); Unknown (2) for the others. */
export function grpcStatusOfHttp(status: number): number {
	return BY_HTTP_STATUS[status] ?? 2;
}

/** The value of `grpc-message` for bytes: what is not printable ASCII, and the percent sign, percent-encoded. */
export function encodeGrpcMessage(bytes: Uint8Array): string {
	let out = "";
	for (const byte of bytes) {
		const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
		out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
	}
	return out;
}

/** `application/grpc` alone or with a `+` suffix or parameters (Envoy: Grpc::Common::hasGrpcContentType). */
export function isGrpc(contentType: string | undefined): boolean {
	return contentType !== undefined && /^application\/grpc(?:$|[+;])/i.test(contentType);
}
