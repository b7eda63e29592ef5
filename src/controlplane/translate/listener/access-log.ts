import type { MessageInitShape } from "@bufbuild/protobuf";
import { packAny } from "../../../xds/any.ts";
import type { AccessLogSchema } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { FileAccessLogSchema } from "../../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";

const FIELDS: readonly (readonly [string, string])[] = [
	["start_time", "%START_TIME%"],
	["method", "%REQ(:METHOD)%"],
	["path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"],
	["protocol", "%PROTOCOL%"],
	["response_code", "%RESPONSE_CODE%"],
	["response_flags", "%RESPONSE_FLAGS%"],
	["response_code_details", "%RESPONSE_CODE_DETAILS%"],
	["connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"],
	["upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"],
	["bytes_received", "%BYTES_RECEIVED%"],
	["bytes_sent", "%BYTES_SENT%"],
	["duration", "%DURATION%"],
	["upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"],
	["x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"],
	["user_agent", "%REQ(USER-AGENT)%"],
	["request_id", "%REQ(X-REQUEST-ID)%"],
	["authority", "%REQ(:AUTHORITY)%"],
	["upstream_host", "%UPSTREAM_HOST%"],
	["upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"],
	["upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"],
	["downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"],
	["downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"],
	["requested_server_name", "%REQUESTED_SERVER_NAME%"],
	["route_name", "%ROUTE_NAME%"],
];

/** Keys whose value stands in quotes in the text format. */
const QUOTED = new Set([
	"upstream_transport_failure_reason",
	"x_forwarded_for",
	"user_agent",
	"request_id",
	"authority",
	"upstream_host",
]);

/** The default text line (istio-security-telemetry-cli.md 2.5), made from the fields. */
const DEFAULT_TEXT_FORMAT = `${textLine()}\n`;

function textLine(): string {
	const value = new Map(FIELDS);
	const request = `"${value.get("method")} ${value.get("path")} ${value.get("protocol")}"`;
	const rest = FIELDS.slice(4).map(([key, operator]) => (QUOTED.has(key) ? `"${operator}"` : operator));
	return [`[${value.get("start_time")}]`, request, ...rest].join(" ");
}

/** The access log of an HTTP or TCP listener; empty when the mesh keeps none. */
export function accessLog(mesh: MeshConfig): MessageInitShape<typeof AccessLogSchema>[] {
	if (mesh.accessLogFile === "") return [];
	const typedConfig = packAny(FileAccessLogSchema, {
		path: mesh.accessLogFile,
		accessLogFormat: { case: "logFormat", value: { format: logFormat(mesh) } },
	});
	return [{ name: "envoy.access_loggers.file", configType: { case: "typedConfig", value: typedConfig } }];
}

function logFormat(mesh: MeshConfig) {
	if (mesh.accessLogEncoding === "JSON") return { case: "jsonFormat" as const, value: Object.fromEntries(FIELDS) };
	const text = mesh.accessLogFormat === "" ? DEFAULT_TEXT_FORMAT : withNewline(mesh.accessLogFormat);
	return { case: "textFormatSource" as const, value: { specifier: { case: "inlineString" as const, value: text } } };
}

function withNewline(format: string): string {
	return format.endsWith("\n") ? format : `${format}\n`;
}
