import type { JsonObject } from "@bufbuild/protobuf";
import { type Random, seededRandom } from "../../../src/lib/random.ts";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

/** Printed with the name of every case: `LATEEN_SEED=n` makes the same clusters again. */
const SEED = Number(process.env.LATEEN_SEED ?? Math.floor(Math.random() * 1e9));
const CLUSTERS = 16;
const REQUESTS = 6;

const oneOf = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;

/** Outlier detection without chance in it, over one endpoint that fails in some way. */
function watched(random: Random, name: string, portOf: (name: string) => number): JsonObject {
	const sometimes = (field: string, values: readonly (number | boolean | string)[]): JsonObject =>
		random.below(2) === 0 ? { [field]: oneOf(random, values) } : {};
	return cluster(name, [portOf(oneOf(random, ["bad", "gateway", "resets", "dead", "alternating"]))], {
		common_lb_config: { healthy_panic_threshold: { value: oneOf(random, [0, 50]) } },
		outlier_detection: {
			...sometimes("consecutive_5xx", [0, 1, 2, 3]),
			...sometimes("enforcing_consecutive_5xx", [0, 100]),
			...sometimes("consecutive_gateway_failure", [0, 1, 2]),
			...sometimes("enforcing_consecutive_gateway_failure", [0, 100]),
			...sometimes("split_external_local_origin_errors", [true, false]),
			...sometimes("consecutive_local_origin_failure", [1, 2, 3]),
			...sometimes("enforcing_consecutive_local_origin_failure", [0, 100]),
			...sometimes("max_ejection_percent", [0, 10, 99, 100]),
			...sometimes("always_eject_one_host", [true, false]),
			...sometimes("base_ejection_time", ["30s", "60s"]),
		},
	});
}

const nameOf = (i: number) => `made-${i}`;

const paced = (i: number): Case => ({
	name: `cluster ${i} of seed ${SEED}`,
	send: Array.from({ length: REQUESTS }, () => [{ path: `/${nameOf(i)}/` }, { pauseMs: 50 }]).flat(),
	answers: { alternating: [{ status: 502 }, { status: 500 }, { status: 503 }, {}, { status: 504 }, { status: 504 }] },
	counters: [new RegExp(`cluster\\.${nameOf(i)}\\.(outlier_detection\\..*|lb_healthy_panic|membership_healthy)`)],
	compare: ({ log, counters }) => ({
		log: (log as { host: string | null; code: number; flags: string }[]).map(
			({ host, code, flags }) => `${code} ${flags} ${host}`,
		),
		counters,
	}),
});

scene("generated outlier detection", {
	upstreams: {
		bad: http1({ answer: { status: 500 } }),
		gateway: http1({ answer: { status: 503 } }),
		resets: http1({ answer: { raw: "", finish: "close" } }),
		alternating: http1(),
		dead: dead(),
	},
	bootstrap: (at) => {
		const random = seededRandom(SEED);
		const clusters = Array.from({ length: CLUSTERS }, (_, i) => watched(random, nameOf(i), at.port));
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: Array.from({ length: CLUSTERS }, (_, i) => paced(i)),
});
