/** A container image that Lateen carries as a program of its own. */
export interface BuiltinProgram {
	/** Short name, the first argument of the entry script. */
	readonly name: string;
	/** Arguments of the entry script `main.mjs`; the container's own arguments go after them. */
	readonly args: readonly string[];
	/** What the image itself puts into the environment; the pod's `env` wins over it. */
	readonly env: Readonly<Record<string, string>>;
	/** Beginnings of command lines in manifests that mean this program, each word for word. */
	readonly launchLines: readonly (readonly string[])[];
}

interface Entry {
	/** Full repository names, without tag. */
	readonly repositories: readonly string[];
	readonly name: string;
	readonly env?: Readonly<Record<string, string>>;
	/** For images whose tag changes what they do: environment by tag, undefined when there is no such tag. */
	readonly envByTag?: (tag: string) => Readonly<Record<string, string>> | undefined;
	readonly launchLines?: readonly (readonly string[])[];
}

/** Registries under which Istio publishes one and the same example images. */
const ISTIO_EXAMPLES = [
	"docker.io/istio/examples-",
	"registry.istio.io/release/examples-",
	"gcr.io/istio-testing/examples-",
];

function istioExample(image: string): string[] {
	return ISTIO_EXAMPLES.map((prefix) => prefix + image);
}

function bookinfo(
	image: string,
	name: string,
	env: Readonly<Record<string, string>>,
	launch: readonly string[],
): Entry {
	return { repositories: istioExample(`bookinfo-${image}`), name, env, launchLines: [launch] };
}

const LIBERTY = ["/opt/ol/wlp/bin/server", "run"];

const ENTRIES: readonly Entry[] = [
	bookinfo("productpage-v1", "productpage", {}, ["gunicorn"]),
	bookinfo("details-v1", "details", { SERVICE_VERSION: "v1" }, ["ruby", "details.rb"]),
	bookinfo("details-v2", "details", { SERVICE_VERSION: "v2", ENABLE_EXTERNAL_BOOK_SERVICE: "true" }, [
		"ruby",
		"details.rb",
	]),
	bookinfo("reviews-v1", "reviews", { SERVICE_VERSION: "v1", ENABLE_RATINGS: "false" }, LIBERTY),
	bookinfo("reviews-v2", "reviews", { SERVICE_VERSION: "v2", ENABLE_RATINGS: "true" }, LIBERTY),
	bookinfo("reviews-v3", "reviews", { SERVICE_VERSION: "v3", ENABLE_RATINGS: "true", STAR_COLOR: "red" }, LIBERTY),
	bookinfo("ratings-v1", "ratings", { SERVICE_VERSION: "v1" }, ["node", "/opt/microservices/ratings.js"]),
	bookinfo("ratings-v-faulty", "ratings", { SERVICE_VERSION: "v-faulty" }, ["node", "/opt/microservices/ratings.js"]),
	bookinfo("ratings-v-delayed", "ratings", { SERVICE_VERSION: "v-delayed" }, ["node", "/opt/microservices/ratings.js"]),
	bookinfo("ratings-v-unavailable", "ratings", { SERVICE_VERSION: "v-unavailable" }, [
		"node",
		"/opt/microservices/ratings.js",
	]),
	bookinfo("ratings-v-unhealthy", "ratings", { SERVICE_VERSION: "v-unhealthy" }, [
		"node",
		"/opt/microservices/ratings.js",
	]),
	{ repositories: istioExample("helloworld-v1"), name: "helloworld", env: { SERVICE_VERSION: "v1" } },
	{ repositories: istioExample("helloworld-v2"), name: "helloworld", env: { SERVICE_VERSION: "v2" } },
	{ repositories: ["quay.io/rhdevelopers/istio-tutorial-customer"], name: "customer", launchLines: [["java"]] },
	{ repositories: ["quay.io/rhdevelopers/istio-tutorial-preference"], name: "preference", launchLines: [["java"]] },
	{
		repositories: ["quay.io/rhdevelopers/istio-tutorial-recommendation"],
		name: "recommendation",
		envByTag: recommendationEnv,
		launchLines: [["java"]],
	},
	{
		repositories: ["docker.io/richardchesterwood/istio-fleetman-staff-service"],
		name: "staff-service",
		envByTag: (tag) => ({ STAFF_PHOTOS: tag.endsWith("-placeholder") ? "placeholder" : "real" }),
		launchLines: [["java"]],
	},
	{
		repositories: ["docker.io/mccutchen/go-httpbin", "ghcr.io/mccutchen/go-httpbin"],
		name: "httpbin",
		launchLines: [["/bin/go-httpbin"]],
	},
	{
		repositories: [
			"gcr.io/k8s-staging-gateway-api/echo-basic",
			"registry.k8s.io/gateway-api/echo-basic",
			"us-central1-docker.pkg.dev/k8s-staging-images/gateway-api/echo-basic",
		],
		name: "echo-basic",
		launchLines: [["/echo-basic"]],
	},
	{
		repositories: ["docker.io/istio/tcp-echo-server", "registry.istio.io/release/tcp-echo-server"],
		name: "tcp-echo",
		launchLines: [["/bin/tcp-echo"]],
	},
	{
		repositories: ["docker.io/curlimages/curl", "quay.io/curl/curl"],
		name: "sleep",
	},
];

/** Tags of the tutorial's recommendation image: the major number is the text it answers, `-timeout` makes it slow. */
function recommendationEnv(tag: string): Readonly<Record<string, string>> | undefined {
	if (tag === "latest") return { RECOMMENDATION_VERSION: "v1" };
	const parts = /^v?([123])(?:\.\d+)*(-timeout)?$/.exec(tag);
	if (!parts) return undefined;
	const env = { RECOMMENDATION_VERSION: `v${parts[1]}` };
	return parts[2] ? { ...env, RECOMMENDATION_DELAY_MS: "3000" } : env;
}

const BY_REPOSITORY = new Map(
	ENTRIES.flatMap((entry) => entry.repositories.map((repository) => [repository, entry] as const)),
);

/**
 * The built-in program for an image reference as manifests write it (any tag or digest, Docker Hub's short forms too);
 * undefined when Lateen has none, also for a tag whose behaviour it does not know.
 */
export function resolveBuiltin(image: string): BuiltinProgram | undefined {
	const { repository, tag } = parseImageReference(image);
	const entry = BY_REPOSITORY.get(repository);
	const tagEnv = entry?.envByTag ? entry.envByTag(tag) : {};
	if (!entry || !tagEnv) return undefined;
	return {
		name: entry.name,
		args: [entry.name],
		env: { ...entry.env, ...tagEnv },
		launchLines: entry.launchLines ?? [],
	};
}

/** Splits `[registry/]path[:tag][@digest]` and writes Docker Hub's short names out (`curlimages/curl`, `redis`). */
export function parseImageReference(image: string): { readonly repository: string; readonly tag: string } {
	const [withoutDigest = ""] = image.split("@");
	const colon = withoutDigest.lastIndexOf(":");
	const hasTag = colon > withoutDigest.lastIndexOf("/");
	const name = hasTag ? withoutDigest.slice(0, colon) : withoutDigest;
	const tag = hasTag ? withoutDigest.slice(colon + 1) : "latest";
	const [first = "", ...rest] = name.split("/");
	if (rest.length === 0) return { repository: `docker.io/library/${name}`, tag };
	const isRegistry = first.includes(".") || first.includes(":") || first === "localhost";
	return { repository: isRegistry ? name : `docker.io/${name}`, tag };
}
