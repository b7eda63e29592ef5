import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { builtinKinds } from "../../kinds/catalogue.ts";
import type { AddressPlan } from "../../lib/address-plan.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import { type Random, systemRandom } from "../../lib/random.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { createAuthenticator } from "./auth/authenticate.ts";
import { loadCredentials } from "./auth/credentials.ts";
import { formatKubeconfig } from "./auth/kubeconfig.ts";
import { ServiceAccountTokens } from "./auth/service-account-tokens.ts";
import { ensureBootObjects, keepKubernetesService } from "./boot/boot-objects.ts";
import { istioAdmission } from "./boot/istio-admission.ts";
import { podPriorityAdmission } from "./boot/pod-priority-admission.ts";
import { readdressServices } from "./boot/readdress-services.ts";
import { serviceAccountAdmission } from "./boot/service-account-admission.ts";
import { CrdRegistry } from "./crd/crd-registry.ts";
import { DiscoveryHandler } from "./discovery/handle-discovery.ts";
import { handleRequest, type RequestHandlers } from "./handle-request.ts";
import { handleUpgrade } from "./handle-upgrade.ts";
import { ApiError } from "./http/api-error.ts";
import { Exchange } from "./http/exchange.ts";
import { listen } from "./http/listener.ts";
import { KubeletProxy } from "./kubelet/kubelet-proxy.ts";
import { OpenApiHandler } from "./openapi/handle-openapi.ts";
import type { ApiContext, Logger } from "./rest/api-context.ts";
import { ResourceTable } from "./rest/resource-table.ts";
import { ServiceAddresses } from "./rest/service-addresses.ts";
import { openStore } from "./store/open-store.ts";
import { StoreWriteError } from "./store/store-error.ts";

/** What an API server is started with. */
export interface ApiServerOptions {
	/** State folder: `store/` and `ca/` are made in it, `kubelet-token` is read from it. */
	readonly dataDir: string;
	/** Addresses for Services. */
	readonly addressPlan: AddressPlan;
	readonly logger: Logger;
	/** Loopback address; default 127.0.0.1. */
	readonly bind?: string;
	/** Default 0: any free port. */
	readonly port?: number;
	/** Admission steps, in order; Istio's validation comes after them. */
	readonly admission?: readonly AdmissionPlugin[];
	/** Refuse what Istio refuses though Lateen's default is kinder. */
	readonly strictIstio?: boolean;
	/** Changes kept for watches; at least 10 000 (the default) outside of tests. */
	readonly keepEvents?: number;
	/** Where the kubelet's token is read; default `<dataDir>/kubelet-token`. */
	readonly kubeletTokenFile?: string;
	/** Name of cluster, user and context in the kubeconfig; default `lateen`. */
	readonly clusterName?: string;
	readonly clock?: Clock;
	readonly random?: Random;
}

/** A running API server. */
export interface ApiServer {
	/** `https://127.0.0.1:<port>`. */
	readonly url: string;
	readonly port: number;
	readonly caPem: string;
	/** The administrator's bearer token; `adminCertificate` proves the same. */
	readonly adminToken: string;
	readonly adminCertificate: { readonly certificatePem: string; readonly keyPem: string };
	/** A kubeconfig for kubectl, as YAML. */
	readonly kubeconfig: string;
	/** Ends all connections and lets go of the store; every acknowledged write is on the disk. */
	close(): Promise<void>;
}

const KEEP_EVENTS = 10_000;

/**
 * Starts the embedded Kubernetes API: opens the store, serves what is in it, makes what must be there and listens. Throws
 * ProblemError (LTN2001 store in use, LTN2002 store unusable, LTN2003 not loopback, LTN2004 port taken, LTN2005 disk full).
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
	const { dataDir, bind = "127.0.0.1", clock = systemClock, logger } = options;
	const [store, credentials] = await Promise.all([
		openStore(join(dataDir, "store"), {
			keepEvents: options.keepEvents ?? KEEP_EVENTS,
			onBackgroundError: (error) => logger.warn({ err: error }, "the store could not drop old changes"),
		}),
		loadCredentials(join(dataDir, "ca"), serverNames(bind, options.addressPlan), clock.epochMs()),
	]);
	try {
		await readdressServices(store, options.addressPlan);
		const context = createContext(options, store, credentials.adminToken);
		await context.services.follow(store);
		const crds = new CrdRegistry(context);
		await crds.start();
		await ensureBootObjects(context);
		await crds.settled();
		let url = "";
		const handlers: RequestHandlers = {
			context,
			authenticate: createAuthenticator(credentials.adminToken),
			discovery: new DiscoveryHandler(context.resources, () => url.replace("https://", "")),
			openApi: new OpenApiHandler(context.resources),
		};
		const listener = await listen({
			bind,
			port: options.port ?? 0,
			caPem: credentials.caPem,
			certificate: credentials.server,
			onRequest: (request, response) => void handleRequest(handlers, new Exchange(request, response)),
			onUpgrade: (request, socket, head) => void handleUpgrade(context, handlers.authenticate, request, socket, head),
		});
		url = `https://${bind.includes(":") ? `[${bind}]` : bind}:${listener.port}`;
		const address = { plan: options.addressPlan, bind, port: listener.port };
		const stopKeeping = await keepKubernetesService(context, address);
		const { caPem, adminToken } = credentials;
		const name = options.clusterName ?? "lateen";
		return {
			url,
			port: listener.port,
			caPem,
			adminToken,
			adminCertificate: credentials.admin,
			kubeconfig: formatKubeconfig({ server: url, caPem, token: adminToken, name }),
			async close() {
				stopKeeping();
				await listener.close();
				await crds.stop();
				await store.close();
			},
		};
	} catch (error) {
		await store.close();
		throw error instanceof ApiError || error instanceof StoreWriteError ? bootProblem(dataDir, error) : error;
	}
}

/** A refused write of what must be there, nearly always a full disk. */
function bootProblem(dataDir: string, cause: ApiError | StoreWriteError): ProblemError {
	const text = `the API server could not write what must be there at start: ${cause.message}`;
	return new ProblemError([problem("LTN2005", dataDir, text, "free some space in the data folder's file system")], {
		cause,
	});
}

function createContext(options: ApiServerOptions, store: ApiContext["store"], secret: string): ApiContext {
	const clock = options.clock ?? systemClock;
	const tokenFile = options.kubeletTokenFile ?? join(options.dataDir, "kubelet-token");
	return {
		store,
		resources: new ResourceTable(builtinKinds),
		admission: [
			serviceAccountAdmission,
			podPriorityAdmission(store),
			...(options.admission ?? []),
			istioAdmission({ strict: options.strictIstio ?? false }),
		],
		services: new ServiceAddresses(options.addressPlan, options.random ?? systemRandom),
		kubelet: new KubeletProxy({ store, readToken: () => readFile(tokenFile, "utf8") }),
		tokens: new ServiceAccountTokens(secret, clock),
		clock,
		random: options.random ?? systemRandom,
		logger: options.logger,
	};
}

/** Every name that the server is called by, on the host and inside the mesh. */
function serverNames(bind: string, plan: AddressPlan): string[] {
	const service = [
		"kubernetes",
		"kubernetes.default",
		"kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	];
	return [...new Set([bind, "127.0.0.1", "localhost", plan.kubernetesServiceIp, ...service])];
}
