import { cluster, hcm, httpFilter, listener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const loop = (name: string, max: number) =>
	listener(name, [
		hcm({
			filters: [
				httpFilter("cdn_loop", "http.cdn_loop.v3.CdnLoopConfig", { cdn_id: "cdn", max_allowed_occurrences: max }),
			],
			routes: [to("echo")],
		}),
	]);

scene("cdn loop", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [loop("none", 0), loop("one", 1)],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("never here", "/", {}, { to: "none" }),
		...[
			"other",
			"cdn",
			"other, cdn",
			"cdn, cdn",
			"cdn.example:80 , x",
			'other; a=b; c="d,cdn"',
			"cdn;a",
			", ,other,,",
			"[::1]:8080",
			"a b",
			'other; a="open',
			"CDN",
			"",
		].flatMap((value) =>
			["none", "one"].map((name) => get(`${name}: ${value}`, "/", { "cdn-loop": value }, { to: name })),
		),
	],
});
