import type { JsonObject } from "@bufbuild/protobuf";
import { endpoint, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";
import { parts, spread } from "./spread-parts.ts";

const MARKS: Readonly<Record<string, string>> = {
	"!": "UNHEALTHY",
	"~": "DEGRADED",
	"-": "DRAINING",
	"?": "TIMEOUT",
	"+": "HEALTHY",
};

interface Group {
	readonly hosts: string;
	readonly zone?: string;
	readonly weight?: number;
	readonly priority?: number;
}

const panic = (value: number): JsonObject => ({ common_lb_config: { healthy_panic_threshold: { value } } });
const byZones = (value?: number): JsonObject => ({
	common_lb_config: {
		locality_weighted_lb_config: {},
		...(value !== undefined && { healthy_panic_threshold: { value } }),
	},
});
const MEMBERS = (name: string) => ({
	counters: [new RegExp(`cluster\\.${name}\\.(lb_healthy_panic|upstream_cx_none_healthy)`)],
});

scene("levels", {
	upstreams: Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, http1()])),
	bootstrap: (at) => {
		const host = (word: string): JsonObject => {
			const status = MARKS[word.at(-1)!];
			const [name, weight] = (status ? word.slice(0, -1) : word).split("*");
			return endpoint(at.port(name!), {
				...(status && { health_status: status }),
				...(weight && { load_balancing_weight: Number(weight) }),
			});
		};
		const group = ({ hosts, zone, weight, priority }: Group): JsonObject => ({
			lb_endpoints: hosts.split(" ").map(host),
			...(zone && { locality: { zone } }),
			...(weight && { load_balancing_weight: weight }),
			...(priority && { priority }),
		});
		const make = (name: string, groups: readonly Group[], more: JsonObject = {}, policy?: JsonObject): JsonObject => ({
			name,
			type: "STATIC",
			connect_timeout: "1s",
			load_assignment: { cluster_name: name, endpoints: groups.map(group), ...(policy && { policy }) },
			...more,
		});
		const clusters = [
			make("panic-100", [{ hosts: "a! b c" }], panic(100)),
			make("panic-100-whole", [{ hosts: "a b c" }], panic(100)),
			make("panic-100-levels", [{ hosts: "a! b" }, { hosts: "c d", priority: 1 }], panic(100)),
			make("panic-0", [{ hosts: "a! b! c!" }, { hosts: "d!", priority: 1 }], panic(0)),
			make("panic-edge", [{ hosts: "a! b" }], panic(50)),
			make("panic-below", [{ hosts: "a! b" }], panic(51)),
			make("panic-fraction", [{ hosts: "a! b! c" }], panic(33.9)),
			make("all-levels-panic", [{ hosts: "a! b!" }, { hosts: "c! d! e! f!", priority: 1 }]),
			make("some-level-panics", [{ hosts: "a! b! c! d" }, { hosts: "e! f", priority: 1 }]),
			make("timed-out", [{ hosts: "a? b" }], panic(0)),
			make("said-healthy", [{ hosts: "a+ b" }]),
			make("draining-panic", [{ hosts: "a- b! c!" }], panic(50)),
			make("draining-only", [{ hosts: "a- b-" }]),
			make("degraded-level", [{ hosts: "a~ b~" }, { hosts: "c", priority: 1 }]),
			make("degraded-share", [{ hosts: "a b~ c!" }], panic(0), { overprovisioning_factor: 100 }),
			make("degraded-both", [{ hosts: "a~ b!" }, { hosts: "c~ d!", priority: 1 }], panic(0), {
				overprovisioning_factor: 100,
			}),
			make("factor-100", [{ hosts: "a! b" }, { hosts: "c", priority: 1 }], panic(0), { overprovisioning_factor: 100 }),
			make(
				"three-levels",
				[{ hosts: "a! b! d" }, { hosts: "e! f", priority: 1 }, { hosts: "c", priority: 2 }],
				panic(0),
				{ overprovisioning_factor: 100 },
			),
			make(
				"zones-levels",
				[
					{ hosts: "a!", zone: "x", weight: 1 },
					{ hosts: "b!", zone: "y", weight: 3 },
					{ hosts: "c", zone: "x", weight: 1, priority: 1 },
					{ hosts: "d", zone: "y", weight: 3, priority: 1 },
				],
				byZones(0),
			),
			make(
				"zones-part-sick",
				[
					{ hosts: "a b!", zone: "x", weight: 2 },
					{ hosts: "c d", zone: "y", weight: 2 },
				],
				byZones(),
			),
			make(
				"zones-degraded",
				[
					{ hosts: "a~ b~", zone: "x", weight: 1 },
					{ hosts: "c~", zone: "y", weight: 3 },
				],
				byZones(0),
			),
			make(
				"zones-panic",
				[
					{ hosts: "a! b!", zone: "x", weight: 1 },
					{ hosts: "c! d", zone: "y", weight: 9 },
				],
				byZones(50),
			),
			make(
				"zones-some-weights",
				[
					{ hosts: "a", zone: "x", weight: 1 },
					{ hosts: "b", zone: "y" },
				],
				byZones(),
			),
			make(
				"zones-host-weights",
				[
					{ hosts: "a*3 b", zone: "x", weight: 1 },
					{ hosts: "c", zone: "y", weight: 1 },
				],
				byZones(),
			),
			make(
				"zones-least",
				[
					{ hosts: "a b", zone: "x", weight: 1 },
					{ hosts: "c", zone: "y", weight: 3 },
				],
				{ lb_policy: "LEAST_REQUEST", ...byZones() },
			),
			make("weighted-health", [{ hosts: "a*8 b*2!" }, { hosts: "c", priority: 1 }], panic(0), {
				weighted_priority_health: true,
				overprovisioning_factor: 100,
			}),
			make("least-weights", [{ hosts: "a*4 b*1" }], {
				lb_policy: "LEAST_REQUEST",
				least_request_lb_config: { active_request_bias: { default_value: 0 } },
			}),
			make("slow-start", [{ hosts: "a b" }], {
				round_robin_lb_config: { slow_start_config: { slow_start_window: "10s", min_weight_percent: { value: 50 } } },
			}),
		];
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		...[
			"panic-100",
			"panic-100-whole",
			"panic-edge",
			"panic-below",
			"panic-fraction",
			"timed-out",
			"said-healthy",
			"draining-panic",
			"draining-only",
			"slow-start",
		].map((name) => spread(name, `/${name}/`, 6, MEMBERS(name) as Partial<Case>)),
		...["panic-0", "degraded-level"].map((name) => spread(name, `/${name}/`, 4, MEMBERS(name) as Partial<Case>)),
		parts("panic-100-levels", "/panic-100-levels/", 400, 40),
		parts("all-levels-panic", "/all-levels-panic/", 600, 13),
		parts("some-level-panics", "/some-level-panics/", 800, 20),
		parts("degraded-share", "/degraded-share/", 600, 25),
		parts("degraded-both", "/degraded-both/", 400, 25),
		parts("factor-100", "/factor-100/", 400, 25),
		parts("three-levels", "/three-levels/", 1200, 15),
		parts("zones-levels", "/zones-levels/", 100, 25),
		parts("zones-part-sick", "/zones-part-sick/", 400, 14),
		parts("zones-degraded", "/zones-degraded/", 200, 12),
		parts("zones-panic", "/zones-panic/", 200, 25),
		parts("zones-some-weights", "/zones-some-weights/", 40, 25),
		parts("zones-host-weights", "/zones-host-weights/", 160, 12),
		parts("zones-least", "/zones-least/", 400, 12),
		parts("weighted-health", "/weighted-health/", 500, 20),
		parts("least-weights", "/least-weights/", 100, 20),
	],
});
