import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ApiServerFixture, startFixture } from "../../src/kube/apiserver/fixture/api-server-fixture.ts";
import { oraclePath } from "../../tools/oracle/build-oracle.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { type KubeApiServer, startKubeApiServer } from "./kube-apiserver.ts";
import { normalise } from "./normalise.ts";
import { chapters, type Step } from "./steps.ts";

const program = oraclePath();
const options = existsSync(program)
	? {}
	: { skip: `no kube-apiserver at ${program}: build it with "node tools/oracle/build-oracle.ts" (Go, some minutes)` };

describe("kubectl sees what kube-apiserver would show it", options, () => {
	let oracle: KubeApiServer;
	let lateen: ApiServerFixture;
	let ask: readonly [oracle: Kubectl, lateen: Kubectl];
	before(async () => {
		[oracle, lateen] = await Promise.all([startKubeApiServer(program), startFixture()]);
		const kubeconfig = join(lateen.folder, "kubeconfig");
		await writeFile(kubeconfig, lateen.server.kubeconfig, { mode: 0o600 });
		ask = [
			await kubectlFor(oracle.kubeconfig, join(lateen.folder, "oracle-home")),
			await kubectlFor(kubeconfig, join(lateen.folder, "lateen-home")),
		];
	});
	after(async () => {
		await lateen?.[Symbol.asyncDispose]();
		await oracle?.[Symbol.asyncDispose]();
	});

	for (const [title, steps] of chapters) {
		test(title, async () => {
			const differences: string[] = [];
			for (const step of steps) differences.push(...(await compare(step)));
			assert.equal(differences.length, 0, `\n${differences.join("\n\n")}`);
		});
	}

	/** What differs between the two answers to one command; at most one text. */
	async function compare(step: Step): Promise<string[]> {
		const { args, input = "" } = step;
		const answers = await Promise.all(
			ask.map(async (kubectl) => {
				const { code, stdout, stderr } = await kubectl(args, { input });
				return { code, text: (step.normalise ?? normalise)(`${stderr}${stdout}`) };
			}),
		);
		const [theirs, ours] = answers as [(typeof answers)[0], (typeof answers)[0]];
		const isSame = theirs.code === ours.code && (step.differs !== undefined || theirs.text === ours.text);
		if (isSame) return [];
		const shown = input === "" ? "" : ` <<< ${input.slice(0, 300)}`;
		return [
			`kubectl ${args.join(" ")}${shown}\n--- kube-apiserver, exit code ${theirs.code}\n${theirs.text}\n--- Lateen, exit code ${ours.code}\n${ours.text}`,
		];
	}
});
