// dependency-cruiser's rules, made from the table in rooms.mjs.
import { PURE_ROOMS, ROOMS } from "./rooms.mjs";

const at = (room) => `^src/${room}/`;
const allowed = Object.entries(ROOMS).map(([room, imports]) => {
	const rooms = imports ?? Object.keys(ROOMS).filter((other) => other !== "cli");
	return {
		name: `room-${room.replaceAll("/", "-")}`,
		comment: `${room} may import ${imports ? imports.join(", ") || "no other room" : "every room but cli"} (tools/rooms.mjs)`,
		severity: "error",
		from: { path: at(room) },
		to: { path: "^src/", pathNot: [at(room), ...rooms.map(at)] },
	};
});

export default {
	forbidden: [
		...allowed,
		{ name: "no-cycle", severity: "error", from: { path: "^src/" }, to: { circular: true } },
		{
			name: "pure-rooms",
			comment: "a room that decides imports no node:* module",
			severity: "error",
			from: { path: PURE_ROOMS.map(at), pathNot: "\\.test\\.ts$" },
			to: { dependencyTypes: ["core"] },
		},
		{
			name: "no-test-in-product",
			severity: "error",
			from: { path: "^src/", pathNot: "\\.test\\.ts$" },
			to: { path: "^(test|bench|tools)/|\\.test\\.ts$" },
		},
	],
	options: {
		tsPreCompilationDeps: true,
		tsConfig: { fileName: "tsconfig.json" },
		doNotFollow: { path: "node_modules" },
		exclude: { path: "^src/console/web/|^src/xds/generated/" },
		enhancedResolveOptions: { extensions: [".ts", ".mjs", ".js", ".json"] },
	},
};
