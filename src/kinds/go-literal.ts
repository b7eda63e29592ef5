interface Selector {
	readonly matchLabels?: Readonly<Record<string, string>>;
	readonly matchExpressions?: readonly {
		readonly key: string;
		readonly operator: string;
		readonly values?: readonly string[];
	}[];
}

/** A value as Go prints it with `%#v`: Kubernetes shows maps and structs so in its errors. */
export class GoLiteral {
	readonly text: string;

	constructor(text: string) {
		this.text = text;
	}
}

/** `map[string]string{"app":"web"}`, keys sorted; nil when there is none. */
export function goStringMap(map: Readonly<Record<string, string>> | undefined | null): GoLiteral {
	if (!map) return new GoLiteral("map[string]string(nil)");
	const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
	const inside = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(", ");
	return new GoLiteral(`map[string]string{${inside}}`);
}

/** `v1.LabelSelector{MatchLabels:..., MatchExpressions:...}`. */
export function goLabelSelector({ matchLabels, matchExpressions }: Selector): GoLiteral {
	const type = "[]v1.LabelSelectorRequirement";
	const items = (matchExpressions ?? []).map(({ key, operator, values }) => {
		const list = values ? `[]string{${values.map((value) => JSON.stringify(value)).join(", ")}}` : "[]string(nil)";
		return `v1.LabelSelectorRequirement{Key:${JSON.stringify(key)}, Operator:${JSON.stringify(operator)}, Values:${list}}`;
	});
	const expressions = matchExpressions ? `${type}{${items.join(", ")}}` : `${type}(nil)`;
	return new GoLiteral(
		`v1.LabelSelector{MatchLabels:${goStringMap(matchLabels).text}, MatchExpressions:${expressions}}`,
	);
}
