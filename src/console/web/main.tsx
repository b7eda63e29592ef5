import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import type { MeshView } from "../view.ts";
import { GraphPage } from "./graph-page.tsx";
import "./main.css";
import { ProxiesPage, RulesPage, ServicesPage } from "./tables.tsx";
import { useMesh } from "./use-mesh.ts";

const PAGES = [
	{ path: "/graph", title: "Graph", page: GraphPage },
	{ path: "/services", title: "Services", page: ServicesPage },
	{ path: "/rules", title: "Rules", page: RulesPage },
	{ path: "/proxies", title: "Proxies", page: ProxiesPage },
] as const;

function App() {
	const { view, connected } = useMesh();
	const [path, go] = usePath();
	const current = PAGES.find((p) => p.path === path) ?? PAGES[0];
	return (
		<>
			<header>
				<h1>
					<svg viewBox="0 0 24 24" aria-hidden="true">
						<path d="M4 18 L18 3 C20 9 19 14 16 18 z" />
						<path d="M2 20 h18 l-2 2 h-14 z" />
					</svg>
					Lateen
				</h1>
				<nav>
					{PAGES.map((p) => (
						<a
							key={p.path}
							href={p.path}
							aria-current={p === current ? "page" : undefined}
							onClick={(e) => go(e, p.path)}
						>
							{p.title}
						</a>
					))}
				</nav>
				<Freshness view={view} connected={connected} />
			</header>
			<main>
				{view?.notices.map((n) => (
					<p key={n} className="notice">
						{n}
					</p>
				))}
				{view ? <current.page view={view} /> : <p className="empty">Waiting for the mesh…</p>}
			</main>
		</>
	);
}

function Freshness({ view, connected }: { readonly view: MeshView | undefined; readonly connected: boolean }) {
	if (!connected) return <span className="freshness bad">not connected, retrying…</span>;
	const total = view?.edges.reduce((sum, e) => sum + e.requestsPerSecond, 0) ?? 0;
	return (
		<span className="freshness">
			last minute · {total.toFixed(1)} requests/s · {view ? new Date(view.at).toLocaleTimeString() : ""}
		</span>
	);
}

/** The page in the address bar, and how to change it without loading anew. */
function usePath(): [string, (event: React.MouseEvent, path: string) => void] {
	const [path, setPath] = useState(location.pathname);
	useEffect(() => {
		const onPop = () => setPath(location.pathname);
		addEventListener("popstate", onPop);
		return () => removeEventListener("popstate", onPop);
	}, []);
	return [
		path,
		(event, to) => {
			if (event.ctrlKey || event.metaKey || event.shiftKey) return;
			event.preventDefault();
			history.pushState(null, "", to);
			setPath(to);
		},
	];
}

createRoot(document.getElementById("root")!).render(<App />);
