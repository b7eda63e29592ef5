import { problem } from "../../../../lib/problem.ts";
import type { OverrideHost } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts";
import type { MetadataKey } from "../../../../xds/generated/envoy/type/metadata/v3/metadata_pb.ts";
import type { MetadataPlace, OverrideHostConfig } from "../../balance/override-host.ts";
import type { PolicyScope } from "../compile-policies.ts";

/** Reads an override_host policy but for its fallback. */
export function compileOverrideHost(message: OverrideHost, { at, problems }: PolicyScope): OverrideHostConfig {
	if (message.overrideHostSources.length === 0)
		problems.push(problem("LTN3246", `${at}override_host_sources`, "at least one source is needed"));
	const sources = message.overrideHostSources.map(({ header, metadata }, i) => {
		if ((header === "") === (metadata === undefined))
			problems.push(problem("LTN3246", `${at}override_host_sources[${i}]`, "set one of header and metadata"));
		return metadata ? metadataPlace(metadata) : header.toLowerCase();
	});
	return { sources, selectedKey: message.selectedHostKey && metadataPlace(message.selectedHostKey) };
}

/** The place that a `MetadataKey` names. */
export function metadataPlace({ key, path }: MetadataKey): MetadataPlace {
	return { namespace: key, keys: path.flatMap(({ segment }) => (segment.case === "key" ? [segment.value] : [])) };
}
