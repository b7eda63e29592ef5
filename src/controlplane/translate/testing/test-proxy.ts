import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type Cluster, ClusterSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { type Node, NodeSchema } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { RESOURCE_TYPES } from "../../../xds/type-urls.ts";
import type { MeshFixture } from "../../model/testing/mesh-fixture.ts";
import type { ProxyCheck } from "../proxy-check.ts";
import { createTranslator } from "../translator.ts";

/** What Lateen's own proxy lists. */
export const LATEEN_EXTENSIONS = [
	"envoy.filters.http.router",
	"envoy.filters.http.fault",
	"envoy.filters.http.cors",
	"istio.metadata_exchange",
	"istio.stats",
];

export interface TestProxyOptions {
	readonly deployment: string;
	readonly namespace?: string;
	readonly role?: "sidecar" | "router";
	readonly extensions?: readonly string[];
	readonly metadata?: Readonly<Record<string, string>>;
	/** What the translator knows of proxies that call themselves `check.userAgent`. */
	readonly check?: ProxyCheck;
	readonly userAgent?: string;
	/** Instead of the pod's own. */
	readonly ip?: string;
}

/** A node of one of the fixture's pods, and what the translator says to it. */
export function testProxy(fixture: MeshFixture, options: TestProxyOptions) {
	const { namespace = "default", role = "sidecar" } = options;
	const pod = fixture.pod(options.deployment, namespace);
	const { ip = (pod.status as { podIP: string }).podIP } = options;
	const node: Node = create(NodeSchema, {
		id: `${role}~${ip}~${pod.metadata.name}.${namespace}~${namespace}.svc.cluster.local`,
		metadata: { INTERCEPTION_MODE: "NONE", LATEEN_APP_IP: "10.2.0.1", CLUSTER_ID: "Kubernetes", ...options.metadata },
		userAgentName: options.userAgent ?? "test",
		extensions: (options.extensions ?? LATEEN_EXTENSIONS).map((name) => ({ name })),
	});
	const translator = createTranslator(options.check);
	const generate = <D extends DescMessage>(schema: D, typeUrl: string, names: readonly string[] = []) => {
		translator.update(fixture.snapshot());
		return translator.generate(node, typeUrl, new Set(names)).map((r) => {
			if (r.schema.typeName !== schema.typeName) throw new Error(`${r.name} is a ${r.schema.typeName}`);
			return r.message as MessageShape<D>;
		});
	};
	return {
		node,
		translator,
		clusters: () => generate(ClusterSchema, RESOURCE_TYPES.cluster),
		cluster: (name: string): Cluster | undefined =>
			generate(ClusterSchema, RESOURCE_TYPES.cluster).find((c) => c.name === name),
		listeners: () => generate(ListenerSchema, RESOURCE_TYPES.listener),
		endpoints: (...names: string[]) => generate(ClusterLoadAssignmentSchema, RESOURCE_TYPES.endpoint, names),
		routes(name = "http_proxy"): RouteConfiguration {
			const [found] = generate(RouteConfigurationSchema, RESOURCE_TYPES.route, [name]);
			if (!found) throw new Error(`there is no route configuration ${name}`);
			return found;
		},
	};
}
