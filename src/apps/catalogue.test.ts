import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference, resolveBuiltin } from "./catalogue.ts";

test("every image of the walk-throughs has its program, whatever its tag", () => {
	const images = {
		"docker.io/istio/examples-bookinfo-productpage-v1:1.20.2": "productpage",
		"registry.istio.io/release/examples-bookinfo-productpage-v1:1.20.3": "productpage",
		"docker.io/istio/examples-bookinfo-details-v1:1.20.2": "details",
		"istio/examples-bookinfo-ratings-v1": "ratings",
		"docker.io/istio/examples-bookinfo-reviews-v3:1.18.0": "reviews",
		"curlimages/curl": "sleep",
		"docker.io/mccutchen/go-httpbin:v2.15.0": "httpbin",
		"gcr.io/k8s-staging-gateway-api/echo-basic:v20240412-v1.0.0-394-g40c666fd": "echo-basic",
		"quay.io/rhdevelopers/istio-tutorial-customer:v1.1": "customer",
		"quay.io/rhdevelopers/istio-tutorial-preference:v1.1": "preference",
		"docker.io/istio/tcp-echo-server:1.3": "tcp-echo",
		"docker.io/istio/examples-helloworld-v2:1.0": "helloworld",
	};
	for (const [image, name] of Object.entries(images)) {
		const program = resolveBuiltin(image);
		assert.equal(program?.name, name, image);
		assert.deepEqual(program?.args, [name]);
	}
});

test("what differs between versions is in the environment", () => {
	const env = (image: string) => resolveBuiltin(image)?.env;
	assert.equal(env("docker.io/istio/examples-bookinfo-reviews-v1:1.20.2")?.ENABLE_RATINGS, "false");
	assert.equal(env("docker.io/istio/examples-bookinfo-reviews-v2:1.20.2")?.STAR_COLOR, undefined);
	assert.equal(env("docker.io/istio/examples-bookinfo-reviews-v3:1.20.2")?.STAR_COLOR, "red");
	assert.equal(env("docker.io/istio/examples-helloworld-v2:1.0")?.SERVICE_VERSION, "v2");
	assert.deepEqual(env("richardchesterwood/istio-fleetman-staff-service:6"), { STAFF_PHOTOS: "real" });
	assert.deepEqual(env("richardchesterwood/istio-fleetman-staff-service:6-placeholder"), {
		STAFF_PHOTOS: "placeholder",
	});
});

test("the recommendation's tag says version and slowness; a tag that nobody knows is no image", () => {
	const env = (tag: string) => resolveBuiltin(`quay.io/rhdevelopers/istio-tutorial-recommendation:${tag}`)?.env;
	for (const tag of ["v1", "v1.1", "v1.2"]) assert.deepEqual(env(tag), { RECOMMENDATION_VERSION: "v1" }, tag);
	for (const tag of ["v2", "v2.1", "v2.2"]) assert.deepEqual(env(tag), { RECOMMENDATION_VERSION: "v2" }, tag);
	for (const tag of ["v2.2-timeout", "v2-timeout"])
		assert.deepEqual(env(tag), { RECOMMENDATION_VERSION: "v2", RECOMMENDATION_DELAY_MS: "3000" }, tag);
	assert.deepEqual(env("v3.2"), { RECOMMENDATION_VERSION: "v3" });
	for (const tag of ["v7", "v2-fast", "next"]) assert.equal(env(tag), undefined, tag);
});

test("images that Lateen does not carry are not resolved", () => {
	for (const image of ["example/recommendation:v3", "nginx", "docker.io/istio/examples-bookinfo-mongodb:1.20.2", ""])
		assert.equal(resolveBuiltin(image), undefined, image);
});

test("image references: short names, ports, tags, digests", () => {
	const cases = [
		["redis", "docker.io/library/redis", "latest"],
		["redis:alpine", "docker.io/library/redis", "alpine"],
		["curlimages/curl:8.1@sha256:abc", "docker.io/curlimages/curl", "8.1"],
		["localhost:5000/a/b", "localhost:5000/a/b", "latest"],
		["quay.io/a/b@sha256:abc", "quay.io/a/b", "latest"],
	] as const;
	for (const [image, repository, tag] of cases) assert.deepEqual(parseImageReference(image), { repository, tag });
});
