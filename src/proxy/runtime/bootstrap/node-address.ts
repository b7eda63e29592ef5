import { networkInterfaces } from "node:os";

/** The IPv4 address by which this node is known to others: the first one that is not loopback (Envoy: Network::Utility::getLocalAddress). */
export function nodeAddress(): string {
	for (const addresses of Object.values(networkInterfaces())) {
		const found = addresses?.find(({ family, internal }) => family === "IPv4" && !internal);
		if (found) return found.address;
	}
	return "127.0.0.1";
}
