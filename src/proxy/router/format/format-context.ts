import type { Metering } from "../../http/bytes-meter.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";

/** What a format string is filled from; a part that is not there yet yields missing values. */
export interface FormatContext {
	readonly info: StreamInfo;
	readonly request?: RequestHead | undefined;
	readonly response?: ResponseHead | undefined;
	readonly trailers?: HeaderMap | undefined;
	/** Why the line is written, in Envoy's words; undefined: a request has ended. */
	readonly accessLogType?: string | undefined;
	/** %LOCAL_REPLY_BODY%: the text of the proxy's own answer, before it is formatted. */
	readonly localReplyBody?: string | undefined;
	/** For `%METADATA(ROUTE:...)%`. */
	readonly route?:
		| {
				readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
				readonly virtualHostMetadata?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
		  }
		| undefined;
}

/** What operators need of the process, passed in because this room is pure. */
export interface FormatEnvironment {
	/** %HOSTNAME%. */
	readonly hostname: string;
	/** Monotonic milliseconds (`Clock.nowMs`), for %DURATION% before the end. */
	nowMs(): number;
	/** %ENVIRONMENT(X)%. */
	environment(name: string): string | undefined;
	/** How an object of the filter state is shown; undefined: as it is. */
	stateObject?(key: string, value: unknown): object | undefined;
	/** A new UUID (%UNIQUE_ID%). */
	uuid?(): string;
	/** Told when a format shows what streams take on the wire. */
	readonly metering?: Metering;
	/** A file's content, or why it cannot be read. Asked while a configuration is compiled. */
	readFile?(path: string): Uint8Array | string;
}

/** A typed value; undefined: missing. Objects and lists come from metadata. */
export type FormatValue = string | number | boolean | object | undefined;

/** One compiled `%OPERATOR(...)%`. */
export interface FormatOperator {
	(ctx: FormatContext): FormatValue;
	/** Its value where types are kept, when that is another one: a length cuts text only. */
	readonly typed?: (ctx: FormatContext) => FormatValue;
}

/** Why an operator cannot be had; becomes a problem at the format's path. */
export class OperatorError extends Error {}
