import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod } from "../client/pod.ts";
import { containerArgv, findBinary, type ImageProgram, repositoryOf, resolveContainer } from "./images.ts";

const program: ImageProgram = {
	name: "reviews",
	argv: ["node", "apps.mjs", "reviews"],
	env: { VERSION: "v1" },
	isLaunchLine: ([first]) => first === "gunicorn" || first === "/bin/sleep",
};
const find = (image: string) => (image === "reviews:1" ? program : undefined);

function argvOf(container: Partial<Container>, annotations: Record<string, string> = {}) {
	const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { annotations }, spec: { containers: [] } };
	const resolution = resolveContainer(pod, { name: "app", image: "reviews:1", ...container }, find);
	return "runnable" in resolution ? resolution.runnable.argv : resolution.refusal;
}

test("an image's program runs with the container's args", () => {
	assert.deepEqual(argvOf({}), ["node", "apps.mjs", "reviews"]);
	assert.deepEqual(argvOf({ args: ["-v"] }), ["node", "apps.mjs", "reviews", "-v"]);
});

test("a command that this machine has replaces the program, the image's own launch line means it", () => {
	assert.deepEqual(argvOf({ command: ["/bin/sh", "-c"], args: ["exit 1"] }), ["/bin/sh", "-c", "exit 1"]);
	assert.deepEqual(argvOf({ command: ["/bin/sleep", "infinity"] }), ["node", "apps.mjs", "reviews"]);
	assert.deepEqual(argvOf({ command: ["/no/such/java", "-jar", "x"] }), ["node", "apps.mjs", "reviews"]);
});

test("system images run this machine's commands, unknown images say what to do, an annotation decides", () => {
	assert.deepEqual(argvOf({ image: "docker.io/library/busybox:1.36", command: ["sleep", "1"] }), ["sleep", "1"]);
	assert.match(String(argvOf({ image: "acme/x:1" })), /^image "acme\/x:1" is not known here.*lateen\.dev\/command$/);
	const annotations = { "lateen.dev/command": "run me", "lateen.dev/command.app": "run that" };
	assert.deepEqual(argvOf({ image: "acme/x:1" }, annotations), ["/bin/sh", "-c", "run that"]);
	assert.deepEqual(argvOf({ name: "istio-proxy" }, annotations), ["node", "apps.mjs", "reviews"], "never the sidecar");
});

test("repositories and binaries", () => {
	const images = [
		"busybox",
		"busybox:1",
		"a.b:5000/c/busybox",
		"x/busybox@sha256:00",
		"localhost:1/busybox:t@sha256:0",
	];
	for (const image of images) assert.equal(repositoryOf(image), "busybox", image);
	assert.equal(findBinary("sh"), findBinary(findBinary("sh") ?? ""));
	assert.equal(findBinary("no-such-binary"), undefined);
});

test("a volume mounted over a folder does not hide the program that lies there", () => {
	const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [] } };
	const tmpMounted = (word: string) => word.replace(/^\/tmp/, "/pods/1/tmp");
	const argv = (container: Partial<Container>) => {
		const here = () => ({ ...program, argv: ["node", "/tmp/lateen/apps.mjs"] });
		const resolution = resolveContainer(pod, { name: "app", image: "reviews:1", ...container }, here);
		assert.ok("runnable" in resolution);
		return containerArgv(resolution.runnable, tmpMounted);
	};
	assert.deepEqual(argv({ args: ["/tmp/x"] }), ["node", "/tmp/lateen/apps.mjs", "/pods/1/tmp/x"]);
	assert.deepEqual(argv({ command: ["/bin/cat", "/tmp/x"] }), ["/bin/cat", "/pods/1/tmp/x"]);
});
