/** An immutable path into a document: `root("spec").field("http").index(0).key("a.b")` → `spec.http[0][a.b]`. */
export interface FieldPath {
	field(name: string): FieldPath;
	index(i: number): FieldPath;
	/** An entry of a map, written as Kubernetes writes it: `labels[app]`. */
	key(name: string): FieldPath;
	toString(): string;
}

export function fieldPath(text = ""): FieldPath {
	return {
		field: (name) => fieldPath(text === "" ? name : `${text}.${name}`),
		index: (i) => fieldPath(`${text}[${i}]`),
		key: (name) => fieldPath(`${text}[${name}]`),
		toString: () => text,
	};
}
