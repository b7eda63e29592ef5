/** One level's `typed_per_filter_config` entry (Envoy: `envoy.config.route.v3.FilterConfig`, or a filter's own message, which turns it on). */
export class FilterSwitch {
	readonly disabled: boolean;
	/** The filter's own settings; undefined: this level has none, the less specific ones count. */
	readonly config: unknown;

	constructor(disabled: boolean, config: unknown) {
		this.disabled = disabled;
		this.config = config;
	}
}
