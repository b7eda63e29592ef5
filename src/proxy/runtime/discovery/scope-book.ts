import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { type Discovered, type DiscoverySource, sourceKey } from "../../../xds/config-source.ts";
import type { RouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type { ScopedRouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/scoped_route_pb.ts";
import { scopeKeyText } from "../../router/scope/scope-key.ts";
import type { ResourceUpdate, UpdateResult } from "../../xdsclient/resource-update.ts";
import type { Wanted } from "./config-sources.ts";
import { ownerOf } from "./owner.ts";

/** A scope with the routes that requests of it take. */
export interface Scope<R> {
	readonly name: string;
	readonly key: string;
	readonly routes:
		| { readonly kind: "inline"; readonly table: R }
		| { readonly kind: "rds"; readonly name: string; readonly onDemand: boolean };
}

/** Who uses the scopes of a source. */
export interface ScopeUser {
	/** Scopes have come or changed. */
	onScopes(): void;
}

export interface ScopeBookDeps<R> {
	/** Throws ProblemError; paths begin with `path`. */
	compile(message: RouteConfiguration, path: string): R;
	/** Somebody wants scopes of another source, or nobody of one. */
	onWanted(): void;
}

interface Shelf<R> {
	readonly source: DiscoverySource;
	readonly users: Set<ScopeUser>;
	scopes: ReadonlyMap<string, Scope<R>>;
	byKey: ReadonlyMap<string, Scope<R>>;
	arrived: boolean;
}

const EMPTY: UpdateResult = { problems: [], rejected: new Set() };

/** The scopes of SRDS, by their source. */
export class ScopeBook<R> {
	readonly #deps: ScopeBookDeps<R>;
	readonly #shelves = new Map<string, Shelf<R>>();

	constructor(deps: ScopeBookDeps<R>) {
		this.#deps = deps;
	}

	/** Begins to want the scopes of a source; the answer gives them, and ends it. */
	use({ source }: Discovered, user: ScopeUser): ScopesInUse<R> {
		const key = sourceKey(source);
		let shelf = this.#shelves.get(key);
		if (!shelf) {
			shelf = { source, users: new Set(), scopes: new Map(), byKey: new Map(), arrived: false };
			this.#shelves.set(key, shelf);
		}
		shelf.users.add(user);
		this.#deps.onWanted();
		const own = shelf;
		return {
			get arrived() {
				return own.arrived;
			},
			find: (text) => own.byKey.get(text),
			all: () => own.scopes.values(),
			close: () => {
				own.users.delete(user);
				if (own.users.size > 0 || this.#shelves.get(key) !== own) return;
				this.#shelves.delete(key);
				this.#deps.onWanted();
			},
		};
	}

	wanted(): Wanted[] {
		return [...this.#shelves.values()].map(({ source }) => ({ name: "", source, ...ownerOf(source) }));
	}

	/** Takes scopes, all or none. */
	apply({ added, removed, owner = sourceKey({ kind: "ads" }) }: ResourceUpdate): UpdateResult {
		const shelf = this.#shelves.get(owner);
		if (!shelf) return EMPTY;
		const scopes = new Map(shelf.scopes);
		for (const name of removed) scopes.delete(name);
		const problems: Problem[] = [];
		for (const { name, message } of added) {
			const scope = this.#compile(message as ScopedRouteConfiguration, name, problems);
			if (scope) scopes.set(name, scope);
		}
		const byKey = indexOf(scopes.values(), problems);
		if (problems.length > 0) return { problems, rejected: new Set(added.map(({ name }) => name)) };
		Object.assign(shelf, { scopes, byKey, arrived: true });
		for (const user of shelf.users) user.onScopes();
		return EMPTY;
	}

	#compile(message: ScopedRouteConfiguration, path: string, problems: Problem[]): Scope<R> | undefined {
		try {
			return compileScope(message, path, this.#deps.compile);
		} catch (error) {
			if (!(error instanceof ProblemError)) throw error;
			problems.push(...error.problems);
			return undefined;
		}
	}
}

/** The scopes of one source, as they are now. */
export interface ScopesInUse<R> {
	readonly arrived: boolean;
	find(key: string): Scope<R> | undefined;
	all(): Iterable<Scope<R>>;
	close(): void;
}

/** Reads a scope (Envoy: ScopedRouteConfiguration); throws ProblemError. */
export function compileScope<R>(
	message: ScopedRouteConfiguration,
	path: string,
	compile: ScopeBookDeps<R>["compile"],
): Scope<R> {
	const at = fieldPath(path);
	const { name, key, routeConfiguration: inline, routeConfigurationName: rds, onDemand } = message;
	const problems: Problem[] = [];
	const fail = (field: string, what: string) =>
		void problems.push(problem("LTN3551", at.field(field).toString(), what));
	if (name === "") fail("name", "the scope has no name");
	if (!key || key.fragments.length === 0) fail("key", "the scope has no key");
	if (key?.fragments.some(({ type }) => type.case === undefined)) fail("key", "a fragment of the key is empty");
	if ((inline === undefined) === (rds === "")) fail("route_configuration_name", "either a name or routes are needed");
	if (problems.length > 0) throw new ProblemError(problems);
	const text = scopeKeyText(key!);
	if (!inline) return { name, key: text, routes: { kind: "rds", name: rds, onDemand } };
	const table = compile(inline, at.field("route_configuration").toString());
	return { name, key: text, routes: { kind: "inline", table } };
}

/** Scopes by their keys; two with the same key are told. */
export function indexOf<R>(scopes: Iterable<Scope<R>>, problems: Problem[]): ReadonlyMap<string, Scope<R>> {
	const byKey = new Map<string, Scope<R>>();
	for (const scope of scopes) {
		const other = byKey.get(scope.key);
		if (other) problems.push(problem("LTN3552", scope.name, `the scope "${other.name}" has the same key`));
		byKey.set(scope.key, scope);
	}
	return byKey;
}
