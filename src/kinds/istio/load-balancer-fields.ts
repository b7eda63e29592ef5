import { s } from "../schema-builder.ts";

const consistentHash = () =>
	s.object(
		{
			httpHeaderName: s.string().doc("Hash this request header."),
			httpCookie: s
				.object({
					name: s.string().doc("Name of the cookie.").required(),
					path: s.string().doc("Path of a generated cookie."),
					ttl: s.duration().doc("Life of a generated cookie; 0s makes a session cookie; absent: none is generated."),
					attributes: s
						.list(
							s.object({
								name: s.string().doc("Name of the attribute."),
								value: s.string().doc("Value of the attribute; empty for flags such as HttpOnly."),
							}),
						)
						.doc("Further attributes of a generated cookie."),
				})
				.doc("Hash this cookie."),
			useSourceIp: s.bool().doc("Hash the client's address."),
			httpQueryParameterName: s.string().doc("Hash this query parameter."),
			ringHash: s
				.object({ minimumRingSize: s.int64().doc("Least number of points on the ring.") })
				.doc("Hash ring that moves few keys when endpoints come and go."),
			maglev: s
				.object({ tableSize: s.int64().doc("Size of the table, a prime number.") })
				.doc("Maglev table: quicker look-ups, more keys move."),
			minimumRingSize: s.int64().doc("Old place of ringHash.minimumRingSize."),
		},
		[
			["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"],
			["ringHash", "maglev"],
		],
	);

const failover = () =>
	s.list(
		s.object({
			from: s.string().doc("Region where the traffic comes from."),
			to: s.string().doc("Region that takes over when the own one has no healthy endpoint."),
		}),
	);

const localityLbSetting = () =>
	s.object({
		distribute: s
			.list(
				s.object({
					from: s.string().doc("Locality where the traffic comes from, `region/zone/*`."),
					to: s.map(s.uint32()).doc("Weight by locality; the weights add up to 100."),
				}),
			)
			.doc("Fixed shares between localities."),
		failover: failover().doc("Regions that replace each other."),
		failoverPriority: s
			.list(s.string())
			.doc("Ordered labels; endpoints that share more of the leading ones with the caller come first."),
		enabled: s.bool().doc("Overrides the mesh's choice."),
	});

const zoneAwareLbSetting = () =>
	s.object({
		enabled: s.bool().doc("Turns zone-aware balancing on."),
		failover: failover().doc("Regions that replace each other."),
		failoverPriority: s.list(s.string()).doc("Ordered labels that decide which endpoints come first."),
		minClusterSize: s.uint32().doc("Fewest endpoints for which zones are preferred; 6 unless set."),
	});

/** `trafficPolicy.loadBalancer`. */
export const loadBalancer = () =>
	s.object(
		{
			simple: s
				.enumOf("UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST")
				.doc("Algorithm without affinity; LEAST_CONN is the old name of LEAST_REQUEST."),
			consistentHash: consistentHash().doc("Affinity by a property of the request."),
			localityLbSetting: localityLbSetting().doc("How localities share traffic."),
			zoneAwareLbSetting: zoneAwareLbSetting().doc("Zone-aware balancing inside a region."),
			warmupDurationSecs: s.duration().doc("Old form of warmup.duration."),
			warmup: s
				.object({
					duration: s.duration().doc("How long a new endpoint's share grows.").required(),
					minimumPercent: s.double().doc("Share at the start, in percent; 10 unless set."),
					aggression: s.double().doc("Shape of the growth; 1 is linear."),
				})
				.doc("Slow start of new endpoints."),
		},
		[["simple", "consistentHash"]],
	);
