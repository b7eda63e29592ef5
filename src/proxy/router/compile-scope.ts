import type { Any } from "@bufbuild/protobuf/wkt";
import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { CompileMatcher } from "./compile-matcher.ts";
import { FilterSwitch } from "./filter-switch.ts";
import type { FormatEnvironment } from "./format/format-context.ts";
import { compileTextFormat, type TextFormat } from "./format/text-format.ts";
import { ProblemList } from "./problem-list.ts";

/** What compiling a route configuration needs from outside. */
export interface RouteCompileDeps {
	readonly env: FormatEnvironment;
	/**
	 * Reads one `typed_per_filter_config` entry (proxy/filter: `perRouteParser`) to the filter's settings, or to a `FilterSwitch`;
	 * throws ProblemError with paths below `path`.
	 */
	parseFilterConfig(filterName: string, config: Any, path: string): unknown;
	/** For virtual hosts with a `matcher`. */
	readonly compileMatcher?: CompileMatcher;
	/** Asked for each named cluster when `validate_clusters` is true. */
	hasCluster?(name: string): boolean;
	/** What holds where a configuration does not say `validate_clusters`: true for one that stands in its listener (as in Envoy). */
	readonly validatesClusters?: boolean;
}

/** One compilation: dependencies, what is wrong so far, and settings of the whole configuration. */
export class CompileScope {
	readonly deps: RouteCompileDeps;
	readonly problems = new ProblemList();
	readonly validateClusters: boolean;
	readonly maxDirectResponseBytes: number;

	constructor(deps: RouteCompileDeps, settings: { validateClusters: boolean; maxDirectResponseBytes: number }) {
		this.deps = deps;
		this.validateClusters = settings.validateClusters;
		this.maxDirectResponseBytes = settings.maxDirectResponseBytes;
	}

	/** Complains when the configuration wants its clusters to exist and this one does not. */
	checkCluster(name: string, at: FieldPath): void {
		if (!this.validateClusters || !this.deps.hasCluster || this.deps.hasCluster(name)) return;
		this.problems.add("cluster", at, `there is no cluster "${name}"`, "define it or set validate_clusters to false");
	}

	/** Compiles a format string for a header or a rewrite: what is missing is empty. */
	textFormat(text: string, at: FieldPath): TextFormat {
		return compileTextFormat(text, { env: this.deps.env, missing: "" }, at, this.problems);
	}

	/** Parses a level's `typed_per_filter_config`. */
	filterConfigs(configs: Readonly<Record<string, Any>>, at: FieldPath): ReadonlyMap<string, FilterSwitch> {
		const parsed = new Map<string, FilterSwitch>();
		for (const [name, config] of Object.entries(configs)) {
			const path = at.field("typed_per_filter_config").key(name).toString();
			try {
				const read = this.deps.parseFilterConfig(name, config, path);
				parsed.set(name, read instanceof FilterSwitch ? read : new FilterSwitch(false, read));
			} catch (error) {
				this.problems.absorb(error);
			}
		}
		return parsed;
	}
}

export const ROOT: FieldPath = fieldPath();
