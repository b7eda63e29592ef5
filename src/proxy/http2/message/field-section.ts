import { HeaderMap } from "../../http/header-map.ts";
import type { FieldSink } from "../hpack/hpack-decoder.ts";
import { FIELD, type HpackField } from "../hpack/hpack-field.ts";

/** Bounds for one message's fields (Envoy: max_request_headers_kb, max_headers_count; 60 KiB and 100 by default). */
export interface SectionLimits {
	readonly maxBytes: number;
	readonly maxFields: number;
}

/** Pseudo field of a kind seen: bit `1 << kind`. */
const PSEUDO_LAST = FIELD.status;

/**
 * The fields of one block as they are decoded: pseudo fields as members, the others in a map, with what RFC 9113 8.2 and 8.3 forbid noted
 * in `malformed`. One per session, used for block after block.
 */
export class FieldSection implements FieldSink {
	headers = new HeaderMap();
	/** Pseudo fields; which have come is told by `has`. */
	method = "";
	scheme = "";
	authority = "";
	path = "";
	protocol = "";
	status = "";
	/** Value of `host`; undefined when it has not come. */
	host: string | undefined = undefined;
	/** -1 when not told. */
	contentLength = -1;
	/** Bits of `SEEN`. */
	seen = 0;
	/** Why the message is malformed; "" when it is not. */
	malformed = "";
	tooLarge = false;
	/** ... because of its bytes, not of the number of its fields. */
	tooLong = false;
	readonly #limits: SectionLimits;
	#pseudo = 0;
	#regular = false;
	#bytes = 0;
	#fields = 0;
	#cookie: string | undefined = undefined;

	constructor(limits: SectionLimits) {
		this.#limits = limits;
	}

	/** True when the pseudo field of this kind (`FIELD`) has come. */
	has(kind: number): boolean {
		return (this.#pseudo & (1 << kind)) !== 0;
	}

	get hasPseudo(): boolean {
		return this.#pseudo !== 0;
	}

	reset(): void {
		this.headers = new HeaderMap();
		this.host = undefined;
		this.contentLength = -1;
		this.seen = 0;
		this.malformed = "";
		this.tooLarge = false;
		this.tooLong = false;
		this.#pseudo = 0;
		this.#regular = false;
		this.#bytes = 0;
		this.#fields = 0;
		this.#cookie = undefined;
	}

	onField(field: HpackField): void {
		const { kind } = field;
		// As Envoy counts: names and values without overhead.
		this.#bytes += field.size - 32;
		if (this.#bytes > this.#limits.maxBytes || ++this.#fields > this.#limits.maxFields) {
			this.tooLong ||= this.#bytes > this.#limits.maxBytes;
			this.tooLarge = true;
			return;
		}
		if (kind === FIELD.regular) {
			this.#regular = true;
			this.seen |= field.seen;
			this.headers.append(field.name, field.value);
		} else if (kind <= PSEUDO_LAST) this.#addPseudo(kind, field.value);
		else {
			this.#regular = true;
			this.seen |= field.seen;
			this.#addSpecial(field);
		}
	}

	#addPseudo(kind: number, value: string): void {
		if (this.#regular) this.malformed = "pseudo field behind other fields";
		else if (this.has(kind)) this.malformed = "pseudo field twice";
		this.#pseudo |= 1 << kind;
		switch (kind) {
			case FIELD.method:
				this.method = value;
				break;
			case FIELD.scheme:
				this.scheme = value;
				break;
			case FIELD.authority:
				this.authority = value;
				break;
			case FIELD.path:
				this.path = value;
				break;
			case FIELD.protocol:
				this.protocol = value;
				break;
			default:
				this.status = value;
		}
	}

	#addSpecial({ kind, name, value }: HpackField): void {
		switch (kind) {
			case FIELD.cookie:
				this.#cookie = this.#cookie === undefined ? value : `${this.#cookie}; ${value}`;
				break;
			case FIELD.host:
				if (this.host !== undefined) this.malformed = "several host fields";
				this.host = value;
				break;
			case FIELD.contentLength:
				this.#addLength(value);
				break;
			case FIELD.te:
				if (value !== "trailers") this.malformed = "te other than trailers";
				this.headers.append(name, value);
				break;
			case FIELD.connectionSpecific:
				this.malformed = `connection-specific field ${name}`;
				break;
			default:
				this.malformed = "invalid field";
		}
	}

	/** The block has ended. Crumbs of a cookie become one field again (RFC 9113 8.2.3), behind the others as in Envoy. */
	finish(): void {
		if (this.#cookie === undefined) return;
		this.headers.append("cookie", this.#cookie);
		this.#cookie = undefined;
	}

	#addLength(value: string): void {
		const length = parseLength(value);
		if (length < 0 || this.contentLength >= 0) this.malformed = "invalid content-length";
		this.contentLength = length;
		this.headers.append("content-length", value);
	}
}

function parseLength(text: string): number {
	if (text.length === 0 || text.length > 15) return -1;
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		if (c < 48 || c > 57) return -1;
	}
	return Number(text);
}
