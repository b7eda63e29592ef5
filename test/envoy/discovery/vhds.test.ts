import type { JsonObject } from "@bufbuild/protobuf";
import { type Discovery, discovery, listener, ownStream, ROUTER, says, xdsClusters } from "./discovery-run.ts";

const ON_DEMAND: JsonObject = {
	name: "envoy.filters.http.on_demand",
	typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand" },
};

const bootstrap =
	(hcm: JsonObject): Discovery["bootstrap"] =>
	(xds, upstream) => ({
		static_resources: {
			listeners: [listener({ rds: { route_config_name: "r", config_source: ownStream("DELTA_GRPC") }, ...hcm })],
			clusters: xdsClusters(xds, upstream),
		},
	});

const withVhds = (hosts: JsonObject[], name = "r"): JsonObject => ({
	name,
	virtual_hosts: hosts,
	vhds: { config_source: ownStream("DELTA_GRPC") },
});

discovery("virtual hosts on demand", {
	before(xds) {
		xds.put("route", { r: withVhds([says("fixed", ["fixed.test"])]) });
		xds.put("virtualHost", { "r/known": says("known", ["known.test"]) });
		xds.unknown = "empty";
	},
	bootstrap: bootstrap({ http_filters: [ON_DEMAND, ROUTER] }),
	async script({ xds, ask, asked, note, until, stat }) {
		note("fixed", await ask("/", { host: "fixed.test" }));
		await asked("200 known", "/", { host: "known.test" });
		note("unknown", await ask("/", { host: "nobody.test" }));
		note("unknown with a body", await ask("/", { host: "nobody2.test", method: "POST", body: "hello" }));
		xds.put(
			"virtualHost",
			{ "r/late": says("r/late", ["late.test", "late2.test"], "late") },
			{ aliases: ["r/late.test"] },
		);
		await asked("200 late", "/", { host: "late.test" });
		xds.put("virtualHost", { "r/late": says("r/late", ["late.test"], "later") }, { aliases: ["r/late.test"] });
		await asked("200 later", "/", { host: "late.test" });
		note("late2", await ask("/", { host: "late2.test" }));
		xds.remove("virtualHost", "r/late");
		await asked("404", "/", { host: "late.test" });
		xds.unknown = "silent";
		const waiting = ask("/", { host: "slow.test" });
		await until("the question", () => xds.requests.some((line) => line.includes("+r/slow.test")));
		note("waiting", await stat("http.in.downstream_rq_active"));
		xds.put("virtualHost", { "r/slow.test": says("slow", ["slow.test"]) }, { aliases: ["r/slow.test"] });
		note("slow", await waiting);
		const posting = ask("/", { host: "slow3.test", method: "POST", body: "hello" });
		await until("the question", () => xds.requests.some((line) => line.includes("+r/slow3.test")));
		xds.put("virtualHost", { "r/slow3.test": says("slow3", ["slow3.test"]) }, { aliases: ["r/slow3.test"] });
		note("post", await posting);
		const ported = ask("/", { host: "Slow4.test:8080" });
		await until("the question", () => xds.requests.some((line) => line.includes("slow4")));
		note(
			"requests",
			xds.requests.filter((line) => line.includes("slow4")),
		);
		xds.put("virtualHost", { "r/slow4": says("slow4", ["slow4.test:8080"]) }, { aliases: ["r/slow4.test:8080"] });
		note("slow4", await ported);
		xds.put("route", { r: withVhds([says("fixed", ["fixed.test"], "fixed2")]) });
		await asked("200 fixed2", "/", { host: "fixed.test" });
		note("known", await ask("/", { host: "known.test" }));
		xds.put("virtualHost", { "r/bad": says("bad", ["known.test"]) });
		await until("a refusal", () => xds.nacks.length > 0);
		note(
			"nacks",
			xds.nacks.map(({ type }) => type),
		);
		note("known", await ask("/", { host: "known.test" }));
	},
});

discovery("virtual hosts without the on_demand filter", {
	before(xds) {
		xds.put("route", { r: withVhds([]) });
		xds.put("virtualHost", { "r/a": says("r/a", ["a.test"], "a"), "other/b": says("b", ["b.test"]) });
		xds.unknown = "empty";
	},
	bootstrap: bootstrap({}),
	async script({ xds, ask, asked, note }) {
		await asked("200 a", "/");
		note("of another configuration", await ask("/", { host: "b.test" }));
		note("unknown", await ask("/", { host: "nobody.test" }));
		xds.put("virtualHost", { "r/c": says("c", ["c.test"]) });
		await asked("200 c", "/", { host: "c.test" });
		xds.remove("virtualHost", "r/a");
		await asked("404", "/", { host: "a.test" });
		note(
			"requests",
			xds.requests.filter((line) => line.startsWith("VirtualHost ask")),
		);
	},
});

discovery("a virtual host that never comes", {
	before: (xds) => {
		xds.put("route", { r: withVhds([says("fixed", ["fixed.test"])]) });
		xds.unknown = "silent";
	},
	bootstrap: (xds, upstream) =>
		bootstrap({ http_filters: [ON_DEMAND, ROUTER], stream_idle_timeout: "0.3s" })(xds, upstream),
	async script({ xds, ask, note, until }) {
		xds.put("virtualHost", { "r/x": says("x", ["x.test"]) });
		await until("a listener", () => xds.requests.includes("VirtualHost ACK"));
		note("idle", await ask("/", { host: "slow.test" }));
		note("posted", await ask("/", { host: "slow.test", method: "POST", body: "x" }));
	},
});
