import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/lib/random.ts";
import { cut, mutate } from "./mutate.ts";
import { TARGETS } from "./targets.ts";

/** Per target; `npm run fuzz` gives minutes. */
const SECONDS = Number(process.env.LATEEN_FUZZ_SECONDS ?? 1);
const SEED = Number(process.env.LATEEN_FUZZ_SEED ?? Date.now() % 0x7fffffff);
/** One input may take so long before it counts as a hang; the slowest machine needs a hundredth of it. */
const HANG_MS = 2000;
/** What a target may hold more at its end than soon after its start. */
const GROWTH_MB = 64;

for (const target of TARGETS) {
	test(`${target.name}: mutated bytes end in an answer, the same however they are cut`, () => {
		const random = seededRandom(SEED);
		const endMs = performance.now() + SECONDS * 1000;
		let runs = 0;
		let heapAtStart = 0;
		while (performance.now() < endMs || runs < 50) {
			const sample = target.samples[random.below(target.samples.length)]!;
			const input = mutate(sample, target.samples, random);
			const startedMs = performance.now();
			const told = `seed ${SEED}, run ${runs}, input ${input.toString("base64").slice(0, 2000)}`;
			try {
				const whole = target.run([Buffer.from(input)]);
				const split = target.run(cut(input, random));
				assert.equal(split, whole, "the answer depends on how the bytes were cut");
			} catch (error) {
				throw new Error(`${told}: ${(error as Error).message}`, { cause: error });
			}
			assert.ok(performance.now() - startedMs < HANG_MS, `${told} took ${performance.now() - startedMs} ms`);
			runs++;
			if (runs === 200) heapAtStart = process.memoryUsage().heapUsed;
		}
		const grownMb = (process.memoryUsage().heapUsed - heapAtStart) / 1e6;
		// Garbage that was not collected yet counts too, so that only growth without end is found.
		if (SECONDS > 30) assert.ok(grownMb < GROWTH_MB, `the heap has grown by ${grownMb.toFixed(0)} MB in ${runs} runs`);
	});
}
