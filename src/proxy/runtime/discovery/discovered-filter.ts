import type { Any } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { type Discovered, parseConfigSource } from "../../../xds/config-source.ts";
import type { ExtensionConfigSource } from "../../../xds/generated/envoy/config/core/v3/config_source_pb.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import { typeNameOf, typeUrlOf } from "../../../xds/type-urls.ts";
import type {
	FilterStream,
	HeadOutcome,
	HttpFilter,
	HttpFilterConfig,
	HttpFilterFactory,
} from "../../filter/http-filter.ts";
import type { StagedDependency } from "../listener-stage.ts";
import type { FilterBook, FilterUser } from "./filter-book.ts";

/** Reads a filter's configuration; throws ProblemError. */
type ReadFilter = (config: Any, path: string) => HttpFilterConfig;

export interface DiscoveredFilterSettings {
	readonly name: string;
	readonly from: Discovered;
	readonly types: ReadonlySet<string>;
	/** In force until another one comes, and when that is gone. */
	readonly fallback: HttpFilterConfig | undefined;
	/** The listener does not wait. */
	readonly eager: boolean;
	readonly read: ReadFilter;
}

/** Reads `config_discovery` of a filter; throws ProblemError. */
function parseDiscoveredFilter(
	message: ExtensionConfigSource,
	at: FieldPath,
	{ name, read }: { readonly name: string; readonly read: ReadFilter },
): DiscoveredFilterSettings {
	const problems: Problem[] = [];
	const fail = (field: string, what: string) =>
		void problems.push(problem("LTN3555", at.field(field).toString(), what));
	const from = parseConfigSource(message.configSource, at.field("config_source"), problems);
	const types = new Set(message.typeUrls.map(typeNameOf));
	const { defaultConfig, applyDefaultConfigWithoutWarming: eager } = message;
	if (types.size === 0) fail("type_urls", "at least one type is needed");
	if (eager && !defaultConfig) fail("default_config", "without warming there must be one");
	if (defaultConfig && types.size > 0 && !types.has(typeNameOf(defaultConfig.typeUrl)))
		fail("default_config", `the type ${defaultConfig.typeUrl} is not among type_urls`);
	if (problems.length > 0) throw new ProblemError(problems);
	const fallback = defaultConfig && read(defaultConfig, at.field("default_config").toString());
	return { name, from: from!, types, fallback, eager, read };
}

/** Makes filters of a listener that are discovered, and adds them to what it waits for; without `discovery` a configuration is only checked. */
export function discoveredFilterFactory(
	discovery: { filter(settings: DiscoveredFilterSettings): DiscoveredFilter } | undefined,
	dependencies: StagedDependency[],
): HttpFilterFactory {
	return {
		typeUrl: typeUrlOf("envoy.config.core.v3.ExtensionConfigSource"),
		parse(_config, path) {
			throw new ProblemError([problem("LTN3555", path, "this is no configuration of a filter")]);
		},
		parseDiscovered(source, at, reader) {
			const filter = discovery?.filter(parseDiscoveredFilter(source, at, reader));
			if (filter) dependencies.push(filter);
			return { name: reader.name, create: () => filter?.create() ?? MISSING };
		},
	};
}

/** A filter of a listener whose configuration comes by ECDS (Envoy: HttpFilter.config_discovery). */
export class DiscoveredFilter implements StagedDependency, FilterUser {
	readonly #settings: DiscoveredFilterSettings;
	readonly #book: FilterBook;
	readonly #clock: Clock;
	#current: HttpFilterConfig | undefined;
	#settled: boolean;
	#release = () => {};
	#cancelTimeout = () => {};
	#whenSettled: (() => void)[] = [];

	constructor(settings: DiscoveredFilterSettings, book: FilterBook, clock: Clock) {
		this.#settings = settings;
		this.#book = book;
		this.#clock = clock;
		this.#current = settings.fallback;
		this.#settled = settings.eager;
	}

	create(): HttpFilter {
		return this.#current?.create() ?? MISSING;
	}

	open(): void {
		const { from, name } = this.#settings;
		this.#release = this.#book.use(from.source, name, this);
		if (!this.#settled && from.initialFetchMs > 0)
			this.#cancelTimeout = this.#clock.after(from.initialFetchMs, () => this.#settle());
	}

	get settled(): boolean {
		return this.#settled;
	}

	whenSettled(task: () => void): void {
		if (this.#settled) task();
		else this.#whenSettled.push(task);
	}

	close(): void {
		this.#cancelTimeout();
		this.#release();
	}

	prepare({ typedConfig }: TypedExtensionConfig, path: string): () => void {
		const { types, read } = this.#settings;
		const any = typedConfig!;
		if (!types.has(typeNameOf(any.typeUrl))) {
			const what = `the filter's type is ${any.typeUrl}, but the listener expects ${[...types].join(", ")}`;
			throw new ProblemError([problem("LTN3556", path, what)]);
		}
		const config = read(any, path);
		return () => {
			this.#current = config;
			this.#settle();
		};
	}

	onRemoved(): void {
		this.#current = this.#settings.fallback;
	}

	#settle(): void {
		this.#cancelTimeout();
		this.#settled = true;
		for (const task of this.#whenSettled.splice(0)) task();
	}
}

/** Envoy: a filter without configuration answers everything. */
const MISSING: HttpFilter = {
	decodeHeaders(stream: FilterStream): HeadOutcome {
		stream.sendLocalReply({ status: 500, body: "", flag: "NFCF", details: "filter_config_not_found" });
		return "stop";
	},
};
