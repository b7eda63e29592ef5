import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import chromium from "@sparticuz/chromium";
import { type Browser, type Page, chromium as playwright } from "playwright-core";
import { eventually } from "../support/eventually.ts";
import { startMesh, type TestMesh } from "../support/mesh.ts";

const VISITS = 60;

let mesh: TestMesh;
let browser: Browser;
let page: Page;
let consoleUrl: string;

before(async () => {
	mesh = await startMesh(["--sample", "bookinfo"]);
	consoleUrl = (await mesh.state()).urls.console!;
	const gateway = await mesh.kubectl([
		"get",
		"svc",
		"istio-ingressgateway",
		"-n",
		"istio-system",
		"-o",
		"jsonpath={.status.loadBalancer.ingress[0].ip}",
	]);
	// The first scrape that knows the traffic's series is what later differences are taken against.
	await visit(gateway.stdout, 3);
	browser = await playwright.launch({
		executablePath: await chromium.executablePath(),
		args: [...chromium.args, "--no-sandbox"],
		headless: true,
	});
	page = await browser.newPage();
	await page.goto(`${consoleUrl}/graph`);
	await visit(gateway.stdout, VISITS);
});

after(async () => {
	await browser?.close();
	await mesh?.stop();
});

async function visit(ip: string, times: number): Promise<void> {
	for (let i = 0; i < times; i++) assert.equal((await fetch(`http://${ip}/productpage`)).status, 200);
}

test("the graph shows who calls whom, live", async () => {
	for (const workload of [
		"istio-ingressgateway",
		"productpage-v1",
		"details-v1",
		"reviews-v1",
		"reviews-v2",
		"reviews-v3",
		"ratings-v1",
	]) {
		await page.locator(".node .title", { hasText: workload }).waitFor({ timeout: 20_000 });
	}
	// What the gateway answered while the mesh came up is an edge of its own, all errors.
	let edges: readonly string[] = [];
	// gateway → page; page → details and three versions; two versions → ratings; reviews-v1 never asks ratings. Each sidecar is asked
	// for its numbers by itself, so edges come one after the other.
	await eventually(
		"seven edges of the graph",
		async () => {
			edges = (await page.locator(".edge").allTextContents()).filter((text) => !text.includes("100 % errors"));
			return edges.length === 7;
		},
		15_000,
	);
	assert.ok(
		edges.every((text) => /\d\/s/.test(text) && /p99 \d/.test(text)),
		edges.join(" | "),
	);
});

test("an edge tells its service, codes and latencies when chosen", async () => {
	await page.locator(".edge text").first().click();
	const details = await page.locator("aside").textContent();
	assert.match(details ?? "", /Requests\d.*Errors0 %.*p50\d.*Codes200: \d/);
});

test("services with their figures, rules with their YAML, proxies with their sync", async () => {
	await page.getByRole("link", { name: "Services" }).click();
	await page.locator("tr", { hasText: "productpage" }).getByText("1/1").waitFor();
	await page.getByRole("link", { name: "Rules" }).click();
	await page.locator("summary", { hasText: "VirtualService" }).first().click();
	await page.getByText("kind: VirtualService").first().waitFor();
	await page.getByRole("link", { name: "Proxies" }).click();
	await page.locator("tbody tr", { hasText: "SYNCED" }).nth(6).waitFor();
	assert.equal(await page.locator("tbody tr").count(), 7);
});

test("a page of another name is not answered: DNS rebinding reads nothing", async () => {
	const status = await new Promise((resolve, reject) => {
		request(`${consoleUrl}/api/mesh`, { headers: { host: "evil.example" } }, (response) =>
			resolve(response.resume().statusCode),
		)
			.once("error", reject)
			.end();
	});
	assert.equal(status, 403);
	assert.equal((await fetch(`${consoleUrl}/kiali/console`, { redirect: "manual" })).headers.get("location"), "/");
});
