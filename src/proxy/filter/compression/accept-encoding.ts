/** One compressor of the chain, as the choice of an encoding sees it. */
export interface Candidate {
	readonly encoding: string;
	readonly chooseFirst: boolean;
}

/** The encoding that a response gets, and how it came about. */
export interface EncodingChoice {
	readonly encoding: string;
	readonly why: "compressor" | "identity" | "wildcard" | "not-valid";
}

const NONE: EncodingChoice = { encoding: "identity", why: "not-valid" };

/** What a client's Accept-Encoding means for the compressors of a chain, in their order (Envoy: compressor filter, chooseEncoding). */
export function chooseEncoding(acceptEncoding: string, candidates: readonly Candidate[]): EncodingChoice {
	const allowed = new Map<string, Candidate>();
	for (const candidate of candidates) if (!allowed.has(candidate.encoding)) allowed.set(candidate.encoding, candidate);
	const wishes = readWishes(acceptEncoding);
	for (const { name, q } of wishes) if (q === 0) allowed.delete(name);
	if (wishes.length === 0 || allowed.size === 0) return NONE;
	const choice = bestOf(wishes, allowed);
	if (choice.q === 0) return NONE;
	if (choice.name === "identity") return { encoding: "identity", why: "identity" };
	if (choice.name === "*") return { encoding: [...allowed.keys()][0]!, why: "wildcard" };
	return { encoding: choice.name, why: "compressor" };
}

/** The wish with the highest quality among those that can be met; identity with none when there is no such. */
function bestOf(wishes: readonly Wish[], allowed: ReadonlyMap<string, Candidate>): Wish {
	let best: Wish = { name: "identity", q: 0 };
	for (const wish of wishes) {
		const candidate = allowed.get(wish.name);
		if (!candidate && wish.name !== "identity" && wish.name !== "*") continue;
		if (wish.q > best.q || (wish.q === best.q && candidate?.chooseFirst)) best = wish;
	}
	return best;
}

interface Wish {
	readonly name: string;
	readonly q: number;
}

/** A quality that is no number takes its encoding off the list. */
function readWishes(acceptEncoding: string): Wish[] {
	return acceptEncoding.split(",").flatMap((token) => {
		if (token === "") return [];
		const [name, ...parameters] = token.split(";");
		const [key, value] = parameters.join(";").split("=", 2);
		if (value === undefined || key!.trim().toLowerCase() !== "q") return [{ name: name!.trim(), q: 1 }];
		const q = value.trim() === "" ? Number.NaN : Number(value.trim());
		return Number.isNaN(q) ? [] : [{ name: name!.trim(), q }];
	});
}

/** Accept-Encoding with `encoding` once, at the end and without a quality. */
export function withEncoding(acceptEncoding: string | undefined, encoding: string): string {
	const others = (acceptEncoding ?? "")
		.split(",")
		.map((one) => one.trim())
		.filter((one) => one !== "" && one.split(";", 1)[0]!.trim() !== encoding);
	return [...others, encoding].join(",");
}
