import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../client/pod.ts";
import type { Service } from "../client/service.ts";
import { endpointGroups } from "./endpoints-plan.ts";

const pod = (name: string, podIP: string | undefined, phase = "Running", port = 80): Pod =>
	({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name },
		spec: { containers: [{ name: "c", ports: [{ name: "http", containerPort: port }] }] },
		status: { phase, podIP },
	}) as Pod;

const service = (targetPort: number | string) =>
	({
		apiVersion: "v1",
		kind: "Service",
		metadata: { name: "s" },
		spec: { ports: [{ port: 80, targetPort }] },
	}) as Service;

test("endpoints stand in the order of their addresses, whatever the pods are called", () => {
	const pods = [pod("a", "10.0.0.9"), pod("b", "10.0.0.10"), pod("c", "10.0.0.8"), pod("d", undefined)];
	const [group, other] = endpointGroups(service(80), [...pods, pod("e", "10.0.0.1", "Succeeded")]);
	assert.equal(other, undefined);
	assert.deepEqual(
		group?.endpoints.flatMap(({ addresses }) => addresses),
		["10.0.0.10", "10.0.0.8", "10.0.0.9"],
	);
});

test("pods whose named port has another number make another group", () => {
	const groups = endpointGroups(service("http"), [pod("a", "10.0.0.1"), pod("b", "10.0.0.2", "Running", 8080)]);
	assert.deepEqual(
		groups.map(({ ports, endpoints }) => [ports[0]?.port, endpoints.length]),
		[
			[80, 1],
			[8080, 1],
		],
	);
});
