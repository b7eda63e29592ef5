import { useEffect, useState } from "react";
import type { MeshView } from "../view.ts";

export interface LiveMesh {
	readonly view: MeshView | undefined;
	readonly connected: boolean;
}

/** The newest view of the mesh, pushed by the server; the browser reconnects by itself. */
export function useMesh(): LiveMesh {
	const [live, setLive] = useState<LiveMesh>({ view: undefined, connected: false });
	useEffect(() => {
		const source = new EventSource("/api/stream");
		source.onmessage = ({ data }: MessageEvent<string>) => {
			const view = JSON.parse(data) as Partial<MeshView>;
			setLive((before) => ({ view: view.services ? (view as MeshView) : before.view, connected: true }));
		};
		source.onerror = () => setLive((before) => ({ ...before, connected: false }));
		return () => source.close();
	}, []);
	return live;
}
