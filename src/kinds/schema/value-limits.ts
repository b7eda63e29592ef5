import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError, JsonSchema } from "../definition.ts";
import { invalid, tooMany } from "../field-error.ts";

interface Place {
	readonly path: FieldPath;
	readonly errors: FieldError[];
	readonly value: unknown;
}

const UNIT = { Length: "chars", Items: "items", Properties: "properties" } as const;

/** `minLength`/`maxLength`, `minItems`/`maxItems` or `minProperties`/`maxProperties`. */
export function checkSize(what: keyof typeof UNIT, node: JsonSchema, size: number, place: Place): void {
	const min = node[`min${what}`];
	const max = node[`max${what}`];
	const { path, errors, value } = place;
	const unit = UNIT[what];
	const in_ = `${path} in body`;
	if (min !== undefined && size < min) {
		const shown = what === "Length" ? value : size;
		errors.push(
			invalid(path, shown, `${in_} should ${atLeast(what)} at least ${min} ${unit}${what === "Length" ? " long" : ""}`),
		);
	}
	if (max === undefined || size <= max) return;
	if (what === "Length") errors.push(invalid(path, value, `${in_} should be at most ${max} chars long`));
	else if (what === "Items") errors.push(tooMany(path, size, max));
	else errors.push(invalid(path, size, `${in_} should have at most ${max} properties`));
}

function atLeast(what: keyof typeof UNIT): string {
	return what === "Length" ? "be" : "have";
}

const INTEGER_RANGE: Readonly<Record<string, readonly [min: number, max: number]>> = {
	int32: [-(2 ** 31), 2 ** 31 - 1],
	int64: [-(2 ** 63), 2 ** 63],
	uint32: [0, 2 ** 32 - 1],
	uint64: [0, 2 ** 64],
};

/** `minimum`, `maximum`, `multipleOf` and the ranges of integer formats. */
export function checkNumber(node: JsonSchema, value: number, path: FieldPath, errors: FieldError[]): void {
	const complain = (detail: string) => errors.push(invalid(path, value, `${path} in body ${detail}`));
	if (isBelow(node, value))
		complain(`should be greater than ${node.exclusiveMinimum ? "" : "or equal to "}${node.minimum}`);
	if (isAbove(node, value))
		complain(`should be less than ${node.exclusiveMaximum ? "" : "or equal to "}${node.maximum}`);
	if (node.multipleOf !== undefined && !Number.isInteger(value / node.multipleOf))
		complain(`should be a multiple of ${node.multipleOf}`);
	const range = node.format === undefined ? undefined : INTEGER_RANGE[node.format];
	if (range && (value < range[0] || value > range[1]))
		complain(`must be of type ${node.format}: ${JSON.stringify(String(value))}`);
}

function isBelow({ minimum, exclusiveMinimum }: JsonSchema, value: number): boolean {
	return minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum);
}

function isAbove({ maximum, exclusiveMaximum }: JsonSchema, value: number): boolean {
	return maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum);
}
