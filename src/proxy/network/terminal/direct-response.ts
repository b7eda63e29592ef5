import { fieldPath } from "../../../lib/field-path.ts";
import { ProblemError } from "../../../lib/problem.ts";
import type { Config } from "../../../xds/generated/envoy/extensions/filters/network/direct_response/v3/config_pb.ts";
import { readDataSource } from "../../tls/secret/data-source.ts";
import { TlsProblems } from "../../tls/tls-problems.ts";
import type { PlainTerminal } from "./plain-terminal.ts";

/** Says its text to every client and closes (Envoy: envoy.filters.network.direct_response). */
export function compileDirectResponse(
	{ response }: Config,
	path: string,
	environment: (name: string) => string | undefined,
): PlainTerminal {
	const problems = new TlsProblems();
	const known = new Proxy({}, { get: (_target, name) => environment(String(name)) });
	const text = readDataSource(response, fieldPath(path).field("response"), { environment: known, problems });
	if (problems.problems.length > 0) throw new ProblemError(problems.problems);
	return {
		serve(socket, info) {
			socket.on("error", () => {});
			info.responseCodeDetails = "direct_response";
			if (text && text.length > 0) {
				socket.write(text);
				info.bytesSent += text.length;
			}
			socket.resume();
			socket.destroySoon();
		},
	};
}
