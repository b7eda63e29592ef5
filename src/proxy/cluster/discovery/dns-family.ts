/** Which addresses of a name count, and in which order. */
export type DnsFamily = "v4" | "v6" | "v4-preferred" | "v6-preferred" | "all";
