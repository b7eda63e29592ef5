import { writeFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { create, mergeFromBinary, toBinary } from "@bufbuild/protobuf";
import { VERSION } from "../lib/names.ts";
import { formatProblem, ProblemError } from "../lib/problem.ts";
import { type Bootstrap, BootstrapSchema } from "../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { LocalitySchema, NodeSchema } from "../xds/generated/envoy/config/core/v3/base_pb.ts";
import { StatsConfigSchema, TagSpecifierSchema } from "../xds/generated/envoy/config/metrics/v3/stats_pb.ts";
import { type ProxyFlags, parseProxyFlags } from "./proxy-flags.ts";

const OVERLAY = "--config-yaml";
const EXIT_USAGE = 64;
const EXIT_CONFIG = 65;

/**
 * `lateen proxy -c FILE`: runs a proxy from an Envoy v3 bootstrap until it is told to stop. Prints every problem and sets the
 * exit code when it cannot start.
 */
export async function runProxy(argv: readonly string[]): Promise<void> {
	enableCompileCache();
	if (argv.includes("--version")) {
		process.stdout.write(`lateen proxy version: ${VERSION}/node ${process.versions.node}\n`);
		return;
	}
	try {
		const flags = parseProxyFlags(argv);
		const configPath = "file" in flags.config ? flags.config.file : OVERLAY;
		const bootstrap = await readConfig(flags);
		nameNode(bootstrap, flags);
		addTags(bootstrap, flags.statsTags);
		const { hostProxy, validate } = await import("./proxy-host.ts");
		if (flags.validateOnly) {
			await validate(bootstrap);
			process.stdout.write(`configuration '${configPath}' OK\n`);
			return;
		}
		const { proxy, logger } = await hostProxy(bootstrap, { ...flags, configPath, dnsServer: undefined });
		if (flags.withoutEffect.length > 0) logger.info({ flags: flags.withoutEffect }, "these flags change nothing here");
		if (flags.adminAddressPath !== undefined && proxy.admin)
			writeFileSync(flags.adminAddressPath, `${proxy.admin.ip}:${proxy.admin.port}`);
	} catch (error) {
		exitWithProblems(error);
	}
}

/** A file and `--config-yaml` are merged as protobuf merges: what the text sets replaces, its lists are appended. */
async function readConfig({ config, allowUnknownFields }: ProxyFlags): Promise<Bootstrap> {
	const { readBootstrap, parseBootstrap } = await import("../proxy/runtime/bootstrap/bootstrap-file.ts");
	const options = { allowUnknownFields };
	if ("text" in config) return parseBootstrap(config.text, OVERLAY, options);
	const bootstrap = await readBootstrap(config.file, options);
	if (config.overlay === "") return bootstrap;
	const overlay = await parseBootstrap(config.overlay, OVERLAY, options);
	return mergeFromBinary(BootstrapSchema, bootstrap, toBinary(BootstrapSchema, overlay));
}

/** `--service-node`, `--service-cluster` and `--service-zone` stand in for what the bootstrap leaves out. */
function nameNode(bootstrap: Bootstrap, flags: ProxyFlags): void {
	const { serviceNode, serviceCluster, serviceZone } = flags;
	if (serviceNode === "" && serviceCluster === "" && serviceZone === "") return;
	bootstrap.node ??= create(NodeSchema);
	bootstrap.node.id ||= serviceNode;
	bootstrap.node.cluster ||= serviceCluster;
	if (serviceZone === "") return;
	bootstrap.node.locality ??= create(LocalitySchema);
	bootstrap.node.locality.zone ||= serviceZone;
}

function addTags(bootstrap: Bootstrap, tags: ProxyFlags["statsTags"]): void {
	if (tags.length === 0) return;
	bootstrap.statsConfig ??= create(StatsConfigSchema);
	for (const [tagName, value] of tags)
		bootstrap.statsConfig.statsTags.push(
			create(TagSpecifierSchema, { tagName, tagValue: { case: "fixedValue", value } }),
		);
}

/** Tells problems on standard error and sets the exit code; anything else is a bug and thrown on. */
export function exitWithProblems(error: unknown): void {
	if (!(error instanceof ProblemError)) throw error;
	for (const one of error.problems) process.stderr.write(`${formatProblem(one)}\n`);
	process.exitCode = error.problems.some(({ code }) => code === "LTN4301") ? EXIT_USAGE : EXIT_CONFIG;
}
