import { type DiscoverySource, sourceKey } from "../../../xds/config-source.ts";
import type { Wanted } from "./config-sources.ts";

/** What resources of a source are marked with, where sources must not be mixed; ADS marks nothing. */
export function ownerOf(source: DiscoverySource): Pick<Wanted, "owner"> {
	return source.kind === "ads" ? {} : { owner: sourceKey(source) };
}
