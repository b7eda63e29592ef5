import type { Host } from "../../cluster/cluster.ts";
import { BytesMeter } from "../../http/bytes-meter.ts";
import { requestHeadSize, responseHeadSize } from "../../http/head-size.ts";
import type { RequestInfo } from "../../http/info/request-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { UpstreamChannel } from "../../upstream/upstream-user.ts";

type Metered = Pick<
	StreamInfo | RequestInfo,
	"upstreamMeter" | "upstreamAttempts" | "upstreamFirstSentMs" | "upstreamEndMs"
>;

/** A request is to be sent to an endpoint. */
export function noteAttempt(info: Metered, { address, hostname }: Host, startMs: number): void {
	info.upstreamAttempts = [{ address, hostname, startMs, connectionId: undefined, readyAfterMs: undefined }];
}

/** A request's head goes out; HTTP/1's size is the channel's to tell. */
export function noteRequestSent(info: Metered, channel: UpstreamChannel, request: RequestHead, nowMs: number): void {
	info.upstreamFirstSentMs = nowMs;
	if (channel.protocol === "HTTP/2") info.upstreamMeter!.plainHeaderSent += requestHeadSize(request);
	const attempt = info.upstreamAttempts?.at(-1);
	if (!attempt) return;
	attempt.connectionId = channel.connectionId;
	attempt.readyAfterMs = nowMs - attempt.startMs;
}

/** An answer's head has come. */
export function noteResponseHead(info: Metered, channel: UpstreamChannel, response: ResponseHead): void {
	if (channel.protocol === "HTTP/2") info.upstreamMeter!.plainHeaderReceived += responseHeadSize(response);
}

/** An attempt is over: what it carried is added to what earlier ones did (as in Envoy). */
export function noteAttemptBytes(info: Metered, channel: UpstreamChannel | undefined, nowMs: number): void {
	const attempt = info.upstreamAttempts?.at(-1);
	if (attempt) attempt.readyAfterMs ??= nowMs - attempt.startMs;
	if (!channel) return;
	const one = new BytesMeter();
	channel.measure?.(one);
	info.upstreamMeter!.add(one);
}
