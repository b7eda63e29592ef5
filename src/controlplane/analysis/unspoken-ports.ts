import type { KubeObject } from "../../kinds/object.ts";
import { fieldPath } from "../../lib/field-path.ts";
import { type Problem, problem } from "../../lib/problem.ts";
import { selectProtocol } from "../model/protocol.ts";

interface ServicePort {
	readonly name?: string;
	readonly port?: number;
	readonly appProtocol?: string;
	readonly protocol?: string;
}

/** The ports of a Service that carry what Lateen's proxies do not speak: HTTP/2, and with it gRPC. */
export function unspokenPorts({ apiVersion, kind, spec }: KubeObject): readonly Problem[] {
	const ports = (spec as { ports?: unknown } | undefined)?.ports;
	if (apiVersion !== "v1" || kind !== "Service" || !Array.isArray(ports)) return [];
	return (ports as readonly ServicePort[]).flatMap(({ name = "", port = 0, appProtocol, protocol }, i) => {
		const carried = selectProtocol({ number: port, name, appProtocol, transport: protocol });
		if (carried !== "HTTP2" && carried !== "GRPC") return [];
		const path = fieldPath("spec").field("ports").index(i).toString();
		const message = `port ${name || port} carries ${carried === "GRPC" ? "gRPC" : "HTTP/2"}, which the sidecars do not speak yet`;
		return [problem("LTN1505", path, message, "HTTP/1.1 works")];
	});
}
