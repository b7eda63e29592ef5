import { type Problem, problem } from "../../../lib/problem.ts";
import type { BindConfig, SocketAddress } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import type { SourceAddress } from "../cluster.ts";
import { isIpAddress } from "../ip-address.ts";

const ANY_IP = new Set(["0.0.0.0", "::"]);
const SELECTOR = "envoy.upstream.local_address_selector.default_local_address_selector";

/** Where connections come from by an `upstream_bind_config`; undefined when it leaves the choice to the system. */
export function compileSource(
	bind: BindConfig | undefined,
	path: string,
	problems: Problem[],
): SourceAddress | undefined {
	if (!bind) return undefined;
	const complain: Complain = (field, what, fix = "") =>
		void problems.push(problem("LTN3207", `${path}.${field}`, what, fix));
	const others = checkBind(bind, complain);
	const [first, other] = [bind.sourceAddress, others[0]];
	for (const [field, address] of [["source_address", first] as const, ["extra_source_addresses[0]", other] as const])
		if (address && !isIpAddress(address.address))
			problems.push(problem("LTN3216", `${path}.${field}.address`, `"${address.address}" is not an IP address`));
	if (!first) return undefined;
	if (other && isV6(first) === isV6(other))
		complain("extra_source_addresses", "the addresses must be of two families", "give an IPv4 and an IPv6 address");
	const port = first.portSpecifier.case === "portValue" ? first.portSpecifier.value : 0;
	if (ANY_IP.has(first.address) && port === 0) return undefined;
	return { ip: first.address, otherIp: other?.address, port };
}

type Complain = (field: string, what: string, fix?: string) => void;

/** Envoy's rules and what this proxy cannot do; the addresses besides the first one. */
function checkBind(bind: BindConfig, complain: Complain): readonly SocketAddress[] {
	const extra = bind.extraSourceAddresses.flatMap(({ address }) => address ?? []);
	const others = [...extra, ...bind.additionalSourceAddresses];
	if (extra.length > 0 && bind.additionalSourceAddresses.length > 0)
		complain("extra_source_addresses", "set one of extra_source_addresses and additional_source_addresses");
	if (others.length > 0 && !bind.sourceAddress) complain("source_address", "the first address is missing");
	if (others.length > 1) complain("extra_source_addresses", "one more address is taken", "keep one per family");
	if (bind.freebind === true)
		complain("freebind", "addresses that are not there yet cannot be bound by this proxy", "remove the field");
	if (bind.localAddressSelector && bind.localAddressSelector.name !== SELECTOR)
		complain("local_address_selector", "this selector is not implemented by this proxy", `use ${SELECTOR}`);
	return others;
}

function isV6({ address }: SocketAddress): boolean {
	return address.includes(":");
}
