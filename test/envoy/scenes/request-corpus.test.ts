import { test } from "node:test";
import { requestCorpus } from "../../support/request-corpus.ts";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

// Bytes that another project tests its parser with, most of them made to be read in two ways. HTTP/1.1 without Host is refused whatever
// else is in it, so each request gets one.

/** File → the entry of docs/envoy-differences.md that it shows. */
const DIFFERS: Readonly<Record<string, string>> = {
	"invalid/013": "strict-http1",
	"invalid/041": "inline-fields",
	"invalid/042": "strict-http1",
	"invalid/chunked_05": "strict-http1",
	"invalid/chunked_09": "strict-http1",
	"invalid/obs_fold_01": "strict-http1",
	"invalid/rfc9110_trailer_forbidden_cl_01": "strict-http1",
	"invalid/rfc9110_trailer_forbidden_host_01": "strict-http1",
	"invalid/rfc9110_trailer_forbidden_te_01": "strict-http1",
	"invalid/rfc9112_bare_lf_01": "strict-http1",
	"valid/017": "inline-fields",
	"valid/compat_obs_fold": "strict-http1",
	"valid/compat_obs_fold_huge": "strict-http1",
	"valid/rfc9112_target_absolute_userinfo_01": "strict-http1",
};

const corpus = await requestCorpus();
if ("skip" in corpus) test("request corpus", { skip: corpus.skip }, () => {});
else
	scene("request corpus", {
		upstreams: { echo: http1() },
		bootstrap: (at) => ({
			static_resources: {
				listeners: [httpListener({ routes: [to("echo")], more: { http_protocol_options: { accept_http_10: true } } })],
				clusters: [cluster("echo", [at.port("echo")])],
			},
		}),
		cases: corpus.map(
			({ name, bytes }): Case => ({
				name,
				send: withHost(bytes),
				expect: Math.max(1, bytes.toString("latin1").split(/ HTTP\/1\.\d\r\n/).length - 1),
				withinMs: 250,
				compare: ({ connections, upstreams }) => ({ connections, upstreams }),
				...(DIFFERS[name] && { differs: DIFFERS[name] }),
			}),
		),
	});

function withHost(bytes: Buffer): Buffer {
	const text = bytes.toString("latin1");
	const added = text.replace(/ HTTP\/1\.\d\r\n(?!host)/gi, (line) => `${line}Host: corpus\r\n`);
	return Buffer.from(/\r\nhost/i.test(text) ? text : added, "latin1");
}
