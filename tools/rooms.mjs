// The house: which room may import which. One table; the import rules of dependency-cruiser and the picture in
// docs/map.md are made from it (`npm run rooms` rewrites the picture, `npm run check:rooms` holds the rules).

const G = ["lib", "telemetry"];
const PROXY_ROOMS = [
	"proxy/http",
	"proxy/codec",
	"proxy/lb",
	"proxy/cluster",
	"proxy/router",
	"proxy/filter",
	"proxy/upstream",
	"proxy/forward",
	"proxy/hcm",
	"proxy/listener",
	"proxy/xdsclient",
	"proxy/runtime",
	"proxy/admin",
];

/** Room → rooms that it may import besides itself. */
export const ROOMS = {
	lib: [],
	telemetry: ["lib"],
	kinds: ["lib"],
	xds: ["lib"],
	"kube/apiserver": ["kinds", ...G],
	"kube/client": ["kinds", ...G],
	"kube/controllers": ["kube/client", "kinds", ...G],
	"kube/kubelet": ["kube/client", "kinds", ...G],
	"kube/netproxy": ["kube/client", "kinds", ...G],
	"controlplane/model": ["kinds", "lib"],
	"controlplane/registry": ["controlplane/model", "kube/client", "kinds", ...G],
	"controlplane/translate": ["controlplane/model", "kinds", "xds", "lib"],
	"controlplane/ads": ["xds", ...G],
	"controlplane/injector": ["kinds", ...G],
	"controlplane/analysis": ["controlplane/model", "kinds", "lib"],
	"proxy/http": ["lib"],
	"proxy/codec": ["proxy/http", "lib"],
	"proxy/lb": ["lib"],
	"proxy/cluster": ["proxy/lb", "proxy/http", "xds", ...G],
	"proxy/router": ["proxy/http", "xds", ...G],
	"proxy/filter": ["proxy/http", "proxy/router", "proxy/cluster", "xds", ...G],
	"proxy/upstream": ["proxy/codec", "proxy/cluster", "proxy/http", ...G],
	"proxy/forward": [
		"proxy/router",
		"proxy/cluster",
		"proxy/upstream",
		"proxy/codec",
		"proxy/filter",
		"proxy/http",
		"xds",
		...G,
	],
	"proxy/hcm": ["proxy/codec", "proxy/filter", "proxy/router", "proxy/forward", "proxy/http", "xds", ...G],
	"proxy/listener": ["proxy/hcm", "proxy/cluster", "proxy/upstream", "proxy/http", "xds", ...G],
	"proxy/xdsclient": ["xds", ...G],
	"proxy/runtime": [...PROXY_ROOMS, "xds", ...G],
	"proxy/admin": [...PROXY_ROOMS, "xds", ...G],
	apps: ["lib"],
	console: ["kube/client", "kinds", ...G],
	app: null, // wires rooms into processes: may import every room but cli
	cli: ["kube/client", "kinds", "controlplane/analysis", "controlplane/injector", "app", ...G],
};

/** Rooms that decide: no node:* module, no clock or chance of their own (they also run in a browser and in `explain`). */
export const PURE_ROOMS = [
	"kinds",
	"xds",
	"controlplane/model",
	"controlplane/translate",
	"controlplane/analysis",
	"proxy/http",
	"proxy/lb",
	"proxy/cluster",
	"proxy/router",
	"proxy/filter",
];
