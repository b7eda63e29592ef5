import { HeaderValueOption_HeaderAppendAction as Append } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";

export { Append };

/** One change of a header that the service asks for. */
export interface HeaderChange {
	readonly name: string;
	readonly value: string;
	readonly action: Append;
	/** Said by the deprecated flag: joined to a value that is there, nothing without one. */
	readonly joins: boolean;
}

/** What the authorization service said, or that it said nothing. */
export type AuthzDecision =
	| {
			readonly kind: "ok";
			readonly request: readonly HeaderChange[];
			readonly response: readonly HeaderChange[];
			readonly removeHeaders: readonly string[];
			readonly setParameters: readonly { readonly key: string; readonly value: string }[];
			readonly removeParameters: readonly string[];
			readonly metadata: MetadataFields | undefined;
	  }
	| {
			readonly kind: "denied" | "error";
			/** Undefined: the filter's own. */
			readonly status: number | undefined;
			readonly body: string;
			readonly headers: readonly (readonly [string, string])[];
			readonly metadata: MetadataFields | undefined;
	  };

export type MetadataFields = Readonly<Record<string, unknown>>;

/** The service could not be asked, or did not understand. */
export const NO_ANSWER: AuthzDecision = {
	kind: "error",
	status: undefined,
	body: "",
	headers: [],
	metadata: undefined,
};
