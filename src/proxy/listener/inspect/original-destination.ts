import type { ListenerFilter } from "./listener-filter.ts";
import type { DestinationReader } from "./socket-destination.ts";

/**
 * Restores where a redirected connection was meant to go (Envoy: envoy.filters.listener.original_dst). A connection that was not
 * redirected keeps its address. Without state.
 */
export function createOriginalDestination(read: DestinationReader): ListenerFilter {
	return {
		onAccept(on) {
			const found = read(on.socket);
			const { connection } = on;
			if (!found || (found.ip === connection.localIp && found.port === connection.localPort)) return "done";
			connection.localIp = found.ip;
			connection.localPort = found.port;
			on.destinationRestored = true;
			return "done";
		},
	};
}
