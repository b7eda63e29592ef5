const SUFFIX: Readonly<Record<string, number>> = {
	n: 1e-9,
	u: 1e-6,
	m: 1e-3,
	"": 1,
	k: 1e3,
	M: 1e6,
	G: 1e9,
	T: 1e12,
	P: 1e15,
	E: 1e18,
	Ki: 2 ** 10,
	Mi: 2 ** 20,
	Gi: 2 ** 30,
	Ti: 2 ** 40,
	Pi: 2 ** 50,
	Ei: 2 ** 60,
};

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)?|[eE]([+-]?\d+))$/;

/** Value of a Kubernetes quantity (`100m`, `1.5Gi`, `2e3`, 1), undefined when the text is none. */
export function parseQuantity(text: unknown): number | undefined {
	const match = QUANTITY.exec(String(text));
	if (!match) return undefined;
	const [, number, suffix = "", exponent] = match;
	return Number(number) * (exponent === undefined ? SUFFIX[suffix]! : 10 ** Number(exponent));
}

/** What Kubernetes says of a text that is no quantity. */
export const QUANTITY_SYNTAX =
	"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
