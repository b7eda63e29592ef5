import type { KubeObject } from "../../kinds/object.ts";
import { metaOf } from "./config-object.ts";
import { resolveGateway } from "./gateway-reference.ts";
import { resolveHost } from "./host-name.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import type { Parsed } from "./parsed.ts";
import { readHttpRule } from "./read-http-rule.ts";
import { MESH_GATEWAY, type VirtualService } from "./virtual-service.ts";
import { visibilityOf } from "./visibility.ts";

/** Reads a VirtualService; `value` is undefined when a field is malformed. */
export function parseVirtualService(object: KubeObject, mesh: MeshConfig): Parsed<VirtualService> {
	const meta = metaOf(object);
	const sink = new ProblemSink();
	const r = ObjectReader.spec(object, sink);
	const scope = { namespace: meta.namespace, clusterDomain: mesh.clusterDomain };
	const hasL4Rules = r.has("tls") || r.has("tcp");
	r.unsupported("tls", "only http rules are routed");
	r.unsupported("tcp", "only http rules are routed");
	const gateways = r.strings("gateways");
	const value: VirtualService = {
		meta,
		hosts: r.strings("hosts").map((host) => resolveHost(host, meta.namespace, mesh.clusterDomain)),
		gateways: gateways.length === 0 ? [MESH_GATEWAY] : gateways.map((g) => resolveGateway(g, meta.namespace)),
		visibility: visibilityOf(r.strings("exportTo"), meta.namespace, mesh.defaultVirtualServiceExportTo),
		http: r.list("http", (rule) => readHttpRule(rule, scope)),
		hasL4Rules,
	};
	r.end();
	return { value: sink.malformed ? undefined : value, problems: sink.problems };
}
