import { PORTS } from "../lib/names.ts";
import type { MeshPorts } from "./mesh-state.ts";

/** What a mesh process is started with; plain data, it crosses a process border as JSON. */
export interface MeshOptions {
	readonly dataDir: string;
	/** Second octet of the mesh's 127.x.0.0/16; undefined: the first free one from 64 on. */
	readonly addressBlock: number | undefined;
	/** 0: any free port. */
	readonly ports: MeshPorts;
	/** `lateen.yaml`; undefined: none. */
	readonly configFile: string | undefined;
	readonly strictIstio: boolean;
	/** Name of a sample application to deploy; undefined: none. */
	readonly sample: string | undefined;
	readonly logLevel: "debug" | "info" | "warn" | "error";
}

export const DEFAULT_PORTS: MeshPorts = {
	kubeApi: PORTS.kubeApi,
	xds: PORTS.xds,
	controlPlaneDebug: PORTS.controlPlaneDebug,
	console: PORTS.console,
	kubelet: 10250,
};

export const AUTO_PORTS: MeshPorts = { kubeApi: 0, xds: 0, controlPlaneDebug: 0, console: 0, kubelet: 0 };
