import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";

/** Lets a request that has no route wait while the control plane is asked for one (Envoy: on_demand filter, VHDS and SRDS). */
export function onDemandFilter(): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.PerRouteConfig",
		parse: (_config, _path, name) => ({ name, create: () => ASKING }),
		parseRoute: () => ({}),
	};
}

const ASKING: HttpFilter = {
	decodeHeaders(stream: FilterStream): HeadOutcome {
		if (stream.route()) return "pass";
		let answered = false;
		let waits = false;
		const asked = stream.demandRoute(() => {
			answered = true;
			stream.clearRoute();
			if (waits) stream.continueDecoding(ASKING);
		});
		waits = asked && !answered;
		return waits ? "stop" : "pass";
	},
};
