import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import { HeaderMutationSchema } from "../../../xds/generated/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { compileMutations, type Mutation } from "../../router/headers/header-mutations.ts";
import { ProblemList } from "../../router/problem-list.ts";

export const EARLY_MUTATIONS_SUPPORTED: SupportedFields = {
	"envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation": ["mutations"],
	"envoy.config.common.mutation_rules.v3.HeaderMutation": ["remove", "append", "remove_on_match"],
	"envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch": ["key_matcher"],
	"envoy.config.core.v3.TypedExtensionConfig": ["name", "typed_config"],
};

/** Compiles `early_header_mutation_extensions`; the one extension there is changes header fields. Throws ProblemError. */
export function compileEarlyMutations(
	extensions: readonly TypedExtensionConfig[],
	env: FormatEnvironment,
	at: FieldPath,
): readonly Mutation[] {
	const problems = new ProblemList();
	const mutations = extensions.flatMap(({ name, typedConfig }, i) => {
		const config = unpackAs(typedConfig, HeaderMutationSchema);
		const configAt = at.index(i).field("typed_config");
		if (config) return compileMutations(config.mutations, env, configAt.field("mutations"), problems);
		problems.notImplemented(configAt, `the early header mutation ${name || (typedConfig?.typeUrl ?? "")}`);
		return [];
	});
	problems.throwIfAny();
	return mutations;
}
