import type { CustomKind } from "../define-kind.ts";
import { AuthorizationPolicy } from "./authorization-policy.ts";
import { DestinationRule } from "./destination-rule.ts";
import { EnvoyFilter } from "./envoy-filter.ts";
import { Gateway } from "./gateway.ts";
import { PeerAuthentication } from "./peer-authentication.ts";
import { ProxyConfig } from "./proxy-config.ts";
import { RequestAuthentication } from "./request-authentication.ts";
import { ServiceEntry } from "./service-entry.ts";
import { Sidecar } from "./sidecar.ts";
import { Telemetry } from "./telemetry.ts";
import { VirtualService } from "./virtual-service.ts";
import { WasmPlugin } from "./wasm-plugin.ts";
import { WorkloadEntry } from "./workload-entry.ts";
import { WorkloadGroup } from "./workload-group.ts";

/** All of Istio's kinds. */
export const istioKinds: readonly CustomKind[] = [
	VirtualService,
	DestinationRule,
	Gateway,
	ServiceEntry,
	WorkloadEntry,
	WorkloadGroup,
	Sidecar,
	EnvoyFilter,
	ProxyConfig,
	AuthorizationPolicy,
	PeerAuthentication,
	RequestAuthentication,
	Telemetry,
	WasmPlugin,
];
