import { runningMesh } from "../../app/mesh-state.ts";
import { VERSION } from "../../lib/names.ts";
import { defineCommand, MESH_FLAG, OUTPUT_FLAG } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { getJson, meshFolder } from "../mesh-access.ts";
import type { ProxySync } from "../proxy-sync.ts";

export const version = defineCommand({
	name: "version",
	summary: "Print the versions of this program, a mesh and its proxies",
	flags: { data: MESH_FLAG, output: OUTPUT_FLAG, short: { short: "s", help: "only this program's" } },
	async run({ flag, isSet, out }) {
		const mesh = isSet("short") ? undefined : runningMesh(meshFolder(flag("data")));
		const proxies = mesh ? await getJson<ProxySync[]>(`${mesh.urls.controlPlaneDebug}/debug/syncz`) : [];
		const byVersion = new Map<string, number>();
		for (const proxy of proxies) byVersion.set(proxy.version, (byVersion.get(proxy.version) ?? 0) + 1);
		if (flag("output") === "json") {
			out.json({
				clientVersion: VERSION,
				controlPlaneVersion: mesh?.version,
				dataPlane: Object.fromEntries(byVersion),
			});
			return EXIT.ok;
		}
		if (isSet("short")) out.line(VERSION);
		else {
			out.line(`client version: ${VERSION}`);
			out.line(`control plane version: ${mesh?.version ?? "none (no mesh runs in this folder)"}`);
			const planes = [...byVersion].map(([v, n]) => `${v} (${n} proxies)`).join(", ");
			out.line(`data plane version: ${planes || "none"}`);
		}
		return EXIT.ok;
	},
});
