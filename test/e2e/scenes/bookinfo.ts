import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { assertAll, assertShare, percentOf } from "../../support/load.ts";
import type { TestMesh } from "../../support/mesh.ts";
import type { Source } from "../../support/sources.ts";
import { gatewayUrl, Scene } from "../scene.ts";

const DEPLOYMENTS = ["details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"];
const WORD = "[bcdfghjklmnpqrstvwxz2456789]";
const REVIEWS = "http://reviews:9080/reviews/0";

/** Bookinfo in the namespace default: the seed's commands and what they show. */
export function bookinfoScenes(mesh: TestMesh, source: Source): void {
	const scene = new Scene(mesh, source, "default");
	const { app, gateway, destinationRules, cookieJason } = source.bookinfo;

	describe("Bookinfo", () => {
		test("S004-bookinfo: apply creates four Services, four ServiceAccounts, six Deployments", async () => {
			const lines = (await scene.apply(app)).trim().split("\n");
			assert.equal(lines.length, 14, lines.join("\n"));
			for (const [kind, count] of [
				["service/", 4],
				["serviceaccount/", 4],
				["deployment.apps/", 6],
			] as const)
				assert.equal(lines.filter((line) => line.startsWith(kind) && line.endsWith(" created")).length, count, kind);
		});

		test("S004-get-services: names in order, ClusterIP, no external address, 9080/TCP", async () => {
			const rows = table(await scene.kubectl("get", "services"));
			assert.deepEqual(rows[0], ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]);
			const names = rows.slice(1).map(([name]) => name);
			assert.deepEqual(names, ["details", "kubernetes", "productpage", "ratings", "reviews"]);
			for (const [name, type, clusterIp, externalIp, ports] of rows.slice(1)) {
				assert.deepEqual(
					[type, externalIp, ports],
					["ClusterIP", "<none>", name === "kubernetes" ? "443/TCP" : "9080/TCP"],
				);
				assert.match(clusterIp!, /^127\./);
			}
		});

		test("S004-get-pods: six pods 2/2 Running, never restarted, with Kubernetes' kind of names", async () => {
			const rows = await eventually("six pods 2/2 Running", () => sixReadyPods(scene), 60_000).catch(async (cause) => {
				throw new Error(`${cause}\n${await scene.kubectl("describe", "pods")}`, { cause });
			});
			rows.forEach(([name, , , restarts], i) => {
				assert.match(name!, new RegExp(`^${DEPLOYMENTS[i]}-${WORD}{6,10}-${WORD}{5}$`));
				assert.equal(restarts, "0", name);
			});
		});

		test("S004-title: a pod reads the product page of another", async () => {
			const pod = await scene.kubectl("get", "pod", "-l", "app=ratings", "-o", "jsonpath={.items[0].metadata.name}");
			const page = await eventually("the page", () =>
				scene.exec(pod, "ratings", "curl", "-sS", "productpage:9080/productpage").catch(() => undefined),
			);
			assert.equal(/<title>.*<\/title>/.exec(page)?.[0], "<title>Simple Bookstore App</title>");
		});

		test("S004-productpage: the gateway shows reviews of all three versions, a third each, and only the page's own paths", async () => {
			await scene.apply(gateway, destinationRules);
			await scene.gatewayAnswers("/productpage");
			await eventually("reviews on the page", async () =>
				(await scene.loadGateway("/productpage"))[0]?.body.includes("Reviews served by"),
			);
			const pages = await scene.loadGateway("/productpage", { count: 1000 });
			assertAll(pages, 200);
			// Four standard deviations of a third of 1000; the walk-through says "about".
			assertShare(pages, /Reviews served by:\s*<u>reviews-v1-/, 33.3, 6);
			assertShare(pages, "text-black-500", 33.3, 6);
			assertShare(pages, "text-red-500", 33.3, 6);
			const stars = percentOf(pages, "glyphicon-star") + percentOf(pages, /served by:\s*<u>reviews-v1-/);
			assert.equal(Math.round(stars), 100, "v1 has no stars, v2 and v3 have");
			for (const [path, status] of [
				["/static/img/izzy.png", 200],
				["/api/v1/products", 200],
				["/logout", 302],
				["/", 404],
				["/health", 404],
			] as const)
				assertAll(await scene.loadGateway(path, { options: ["-o", "/dev/null"] }), status);
			assertAll(await scene.loadGateway("/login", { options: ["-d", "username=jason&passwd="] }), 302);
			assert.match(await gatewayUrl(mesh), /^http:\/\/127\./);
		});

		test("S001-cookie-jason: the cookie user=jason leads to v2, any other to v1", async () => {
			await scene.apply(source.curl);
			await scene.rolledOut("curl");
			await scene.answers(REVIEWS);
			await scene.applyRules(cookieJason);
			for (const [cookie, version] of [
				["user=jason", "v2"],
				["", "v1"],
				["user=jane", "v1"],
				["a=1;user=jason;b=2", "v2"],
				["a=1; user=jason", "v1"],
				["xuser=jason", "v1"],
			] as const)
				await assertVersion(scene, cookie, version);
		});

		test("S001-order: the first rule that matches wins, so a rule for all put first takes all", async () => {
			await scene.applyEdited(cookieJason, (rule) => rule.spec.http.reverse());
			await assertVersion(scene, "user=jason", "v1");
			await assertVersion(scene, "", "v1");
			await scene.delete(cookieJason);
		});

		after(() => scene.delete(gateway, destinationRules, app, source.curl));
	});
}

async function assertVersion(scene: Scene, cookie: string, version: "v1" | "v2"): Promise<void> {
	const answers = await scene.load(REVIEWS, { count: 200, options: cookie === "" ? [] : ["-b", cookie] });
	assertAll(answers, 200);
	assertShare(answers, `"podname": "reviews-${version}-`, 100, 0);
	assertShare(answers, '"rating": {"stars": 5, "color": "black"}', version === "v2" ? 100 : 0, 0);
}

async function sixReadyPods(scene: Scene): Promise<string[][] | undefined> {
	const rows = table(await scene.kubectl("get", "pods")).slice(1);
	return rows.length === 6 && rows.every(([, ready, status]) => ready === "2/2" && status === "Running")
		? rows
		: undefined;
}

/** Rows and cells of a kubectl table. */
function table(text: string): string[][] {
	return text
		.trim()
		.split("\n")
		.map((line) => line.split(/\s{2,}/).map((cell) => cell.trim()));
}
