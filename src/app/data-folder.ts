import { join, resolve } from "node:path";

/** Where a mesh keeps its state (design.md section 3); every path of the folder is named here and nowhere else. */
export interface DataFolder {
	readonly root: string;
	readonly meshState: string;
	readonly lock: string;
	readonly kubeconfig: string;
	readonly store: string;
	readonly ca: string;
	readonly logs: string;
	readonly meshLog: string;
	readonly pods: string;
	readonly kubeletToken: string;
	readonly netproxyState: string;
	/** Programs that every container finds first. */
	readonly tools: string;
	readonly compileCache: string;
}

export const DEFAULT_DATA_FOLDER = ".lateen";

export function dataFolder(path: string): DataFolder {
	const root = resolve(path);
	return {
		root,
		meshState: join(root, "mesh.json"),
		lock: join(root, "lock"),
		kubeconfig: join(root, "kubeconfig"),
		store: join(root, "store"),
		ca: join(root, "ca"),
		logs: join(root, "logs"),
		meshLog: join(root, "logs", "mesh.log"),
		pods: join(root, "pods"),
		kubeletToken: join(root, "kubelet-token"),
		netproxyState: join(root, "netproxy.json"),
		tools: join(root, "bin"),
		compileCache: join(root, "compile-cache"),
	};
}
