import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { WebSocket } from "ws";
import { isPodReady } from "../client/pod.ts";
import { CHANNEL } from "./stream-channels.ts";
import { inTerminal } from "./terminal.ts";
import { type KubeletFixture, shell, withKubelet } from "./testing/kubelet-fixture.ts";

interface Session {
	/** Everything that came on stdout so far. */
	output(): string;
	send(channel: number, text: string): void;
	/** stdin is at its end. */
	endInput(): void;
	/** Waits for the output. */
	until(pattern: RegExp): Promise<void>;
	/** The final Status; undefined when the connection just ended. */
	readonly ended: Promise<{ status: string; message?: string } | undefined>;
	close(): void;
}

async function open(fixture: KubeletFixture, path: string): Promise<Session> {
	const url = `ws://${fixture.plan.nodeIp}:${fixture.kubelet.port}/${path}&stdout=true`;
	const headers = { authorization: `Bearer ${fixture.token()}` };
	const socket = new WebSocket(url, ["v5.channel.k8s.io"], { headers });
	let output = "";
	let status: { status: string; message?: string } | undefined;
	let wake = () => {};
	socket.on("message", (data: Buffer) => {
		if (data[0] === CHANNEL.stdout) output += data.subarray(1).toString();
		if (data[0] === CHANNEL.status) status = JSON.parse(data.subarray(1).toString());
		wake();
	});
	const ended = new Promise<typeof status>((resolve) => socket.once("close", () => resolve(status)));
	await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
	return {
		output: () => output,
		send: (channel, text) => socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)])),
		endInput: () => socket.send(Buffer.of(CHANNEL.close, CHANNEL.stdin)),
		async until(pattern) {
			const deadlineMs = performance.now() + 5000;
			while (!pattern.test(output)) {
				assert.ok(performance.now() < deadlineMs, `no ${pattern} in ${JSON.stringify(output)}`);
				await new Promise<void>((resolve) => {
					wake = resolve;
					setTimeout(resolve, 200);
				});
			}
		},
		ended,
		close: () => socket.close(),
	};
}

const terminalTest = { skip: existsSync("/usr/bin/script") ? false : "this machine has no /usr/bin/script" };

test("a command with a terminal has one, of the client's size, and its exit code comes back", terminalTest, () =>
	withKubelet(async (fixture) => {
		fixture.run("box", { containers: [shell("app", "sleep 100")] });
		await fixture.until("box", "ready", isPodReady);
		const line = encodeURIComponent("tty; stty size; read word; echo \"got '$word'\"; exit 3");
		const session = await open(
			fixture,
			`exec/default/box/app?tty=true&stdin=true&command=sh&command=-c&command=${line}`,
		);
		session.send(CHANNEL.resize, '{"Width":100,"Height":40}');
		await session.until(/40 100/);
		assert.match(session.output(), /^\/dev\/(pts|tty)/);
		session.send(CHANNEL.stdin, "hello\n");
		await session.until(/got 'hello'/);
		assert.equal((await session.ended)?.message, "command terminated with exit code 3");
	}),
);

test("without a program that gives terminals the command runs and says so", () => {
	const command = inTerminal(["echo", "it's"], undefined, false);
	assert.equal(
		execFileSync(command[0]!, command.slice(1), { encoding: "utf8" }),
		"/usr/bin/script is not there, so this is no terminal\nit's\n",
	);
});

test("a client that attaches to a container for one client gets all output, gives input and ends it", () =>
	withKubelet(async (fixture) => {
		const app = shell("app", "echo first; cat; echo last", { stdin: true, stdinOnce: true });
		fixture.run("once", { restartPolicy: "Never", containers: [app] });
		await fixture.until("once", "ready", isPodReady);
		const session = await open(fixture, "attach/default/once/app?stdin=true");
		await session.until(/first\n/);
		session.send(CHANNEL.stdin, "through\n");
		await session.until(/through\n/);
		session.endInput();
		assert.equal((await session.ended)?.status, "Success");
		assert.equal(session.output(), "first\nthrough\nlast\n");
		const pod = await fixture.until("once", "done", ({ status }) => status?.phase === "Succeeded");
		assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0);
	}));

test("a client that attaches to any other container gets what is written from now on", () =>
	withKubelet(async (fixture) => {
		const app = shell("app", "echo early; while read line; do echo got $line; done", { stdin: true });
		fixture.run("many", { containers: [app] });
		await fixture.until("many", "ready", isPodReady);
		const log = () => fixture.fetch("/containerLogs/default/many/app?");
		while (!(await log()).text.includes("early")) await new Promise((resolve) => setTimeout(resolve, 10));
		for (const word of ["one", "two"]) {
			const session = await open(fixture, "attach/default/many/app?stdin=true");
			session.send(CHANNEL.stdin, `${word}\n`);
			await session.until(new RegExp(`^got ${word}\n$`));
			session.close();
			await session.ended;
		}
		const idle = await open(fixture, "attach/default/many/app?stdin=false");
		idle.close();
		await idle.ended;
	}));

test("nothing can be attached to a container that has ended", () =>
	withKubelet(async (fixture) => {
		fixture.run("over", { restartPolicy: "Never", containers: [shell("app", "true")] });
		await fixture.until("over", "done", ({ status }) => status?.phase === "Succeeded");
		const session = await open(fixture, "attach/default/over/app?stdin=false");
		assert.equal((await session.ended)?.message, "container app is not running");
	}));
