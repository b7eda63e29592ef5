// Entry of the program `lateen`. Processes that a mesh starts by the dozen (proxy, sidecar) are found before anything else is loaded.
const [word, ...rest] = process.argv.slice(2);

if (word === "proxy" && !rest.includes("--help") && !rest.includes("-h")) {
	const { runProxy } = await import("../app/proxy.ts");
	await runProxy(rest);
} else if (word === "sidecar") {
	const { runSidecar } = await import("../app/sidecar.ts");
	await runSidecar(rest);
} else {
	const { runCli } = await import("./run-cli.ts");
	process.exitCode = await runCli(process.argv.slice(2));
}

export {};
