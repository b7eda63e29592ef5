import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import type { ClientConfig } from "./client-config.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Ways to log in that this client does not have; named when met, so that nobody wonders about a 401. */
const REFUSED_USER_FIELDS = ["exec", "auth-provider", "as", "as-groups", "as-uid"] as const;

/**
 * Reads a kubeconfig file and picks one context (the current one by default). Throws ProblemError LTN6101 when the file
 * cannot be read, LTN6102 when it is not what it should be. Not `@kubernetes/client-node`: its import alone takes half a second.
 */
export function loadKubeconfig(path: string, contextName?: string): ClientConfig {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (cause) {
		const reason = cause instanceof Error ? cause.message : String(cause);
		const fix = "start the mesh with lateen up, or name another file with --kubeconfig";
		throw new ProblemError([problem("LTN6101", path, `the kubeconfig cannot be read: ${reason}`, fix)], { cause });
	}
	return parseKubeconfig(text, path, contextName);
}

/** The same from text; `path` is named in problems, and relative file names in the text start from its folder. */
export function parseKubeconfig(text: string, path: string, contextName?: string): ClientConfig {
	const problems: Problem[] = [];
	const report = (at: string, message: string, fix = "") =>
		problems.push(problem("LTN6102", `${path}: ${at}`, message, fix));
	const document = parseYaml(text, path);
	const wanted = contextName ?? asText(document["current-context"]);
	const context = named(document, "contexts", wanted, "context", report);
	const cluster = named(document, "clusters", asText(context.cluster), "cluster", report);
	const user = context.user === undefined ? {} : named(document, "users", asText(context.user), "user", report);

	for (const field of REFUSED_USER_FIELDS)
		if (user[field] !== undefined)
			report(`users[].user.${field}`, "this way to log in is not supported", "use a token or a client certificate");
	if (cluster["proxy-url"] !== undefined) report("clusters[].cluster.proxy-url", "a proxy is not supported");
	const server = asText(cluster.server);
	if (problems.length === 0 && !/^https?:\/\//.test(server))
		report("clusters[].cluster.server", `"${server}" is no http(s) URL`);

	const pem = (fields: Fields, name: string) => pemOf(fields, name, dirname(path), report);
	const config: ClientConfig = {
		server,
		caPem: pem(cluster, "certificate-authority"),
		clientCertPem: pem(user, "client-certificate"),
		clientKeyPem: pem(user, "client-key"),
		token: optional(user.token),
		tokenFile: user.tokenFile === undefined ? undefined : resolve(dirname(path), asText(user.tokenFile)),
		username: optional(user.username),
		password: optional(user.password),
		tlsServerName: optional(cluster["tls-server-name"]),
		skipTlsVerify: cluster["insecure-skip-tls-verify"] === true,
		namespace: optional(context.namespace),
	};
	if (problems.length > 0) throw new ProblemError(problems);
	return config;
}

type Report = (at: string, message: string, fix?: string) => void;

function parseYaml(text: string, path: string): Fields {
	try {
		const document: unknown = parse(text);
		if (isFields(document)) return document;
		throw new Error("it is not a map");
	} catch (cause) {
		const reason = cause instanceof Error ? cause.message : String(cause);
		throw new ProblemError([problem("LTN6102", path, `not a kubeconfig: ${reason}`)], { cause });
	}
}

/** The entry of a kubeconfig list with that name: its member `inner`. */
function named(document: Fields, list: string, name: string, inner: string, report: Report): Fields {
	const entries = Array.isArray(document[list]) ? (document[list] as unknown[]) : [];
	const entry = entries.filter(isFields).find((candidate) => candidate.name === name);
	const value = entry?.[inner];
	if (isFields(value)) return value;
	const known = entries.filter(isFields).map((candidate) => String(candidate.name));
	report(list, `no ${inner} "${name}"`, known.length === 0 ? "" : `choose one of ${known.join(", ")}`);
	return {};
}

function pemOf(fields: Fields, name: string, folder: string, report: Report): string | undefined {
	const inline = fields[`${name}-data`];
	if (inline !== undefined) return Buffer.from(asText(inline), "base64").toString("utf8");
	if (fields[name] === undefined) return undefined;
	try {
		return readFileSync(resolve(folder, asText(fields[name])), "utf8");
	} catch (cause) {
		report(name, cause instanceof Error ? cause.message : String(cause));
		return undefined;
	}
}

function isFields(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asText(value: unknown): string {
	return typeof value === "string" ? value : "";
}

function optional(value: unknown): string | undefined {
	return typeof value === "string" && value !== "" ? value : undefined;
}
