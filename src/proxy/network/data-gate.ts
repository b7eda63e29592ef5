import type { FilterVerdict } from "./network-filter.ts";

/** Asks a chain's network filters about the client's bytes before its terminal filter takes them. */
export interface DataGate {
	/** False: nobody wants to be asked any more. */
	readonly asks: boolean;
	/** Bytes have come. "stop": keep them until `resume` is called; it is not when the filters have cut the connection. */
	admit(resume: () => void): FilterVerdict;
}
