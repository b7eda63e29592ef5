import {
	create,
	type DescMessage,
	fromBinary,
	type MessageInitShape,
	type MessageShape,
	toBinary,
} from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import {
	DeltaDiscoveryRequestSchema,
	type DeltaDiscoveryResponse,
	DeltaDiscoveryResponseSchema,
	DiscoveryRequestSchema,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { eventually } from "./eventually.ts";

const SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

/** A stream of a client that shares no code with the server but the messages: grpc-js. Answers nothing by itself. */
export class ForeignStream<Request extends DescMessage, Response> {
	readonly received: Response[] = [];
	error: ServiceError | undefined;
	ended = false;
	readonly #schema: Request;
	readonly #stream: ClientDuplexStream<MessageShape<Request>, Response>;
	#taken = 0;

	constructor(schema: Request, stream: ClientDuplexStream<MessageShape<Request>, Response>) {
		this.#schema = schema;
		this.#stream = stream;
		stream.on("data", (response: Response) => this.received.push(response));
		stream.on("error", (error: ServiceError) => {
			this.error = error;
		});
		stream.on("end", () => {
			this.ended = true;
		});
	}

	send(request: MessageInitShape<Request>): void {
		this.#stream.write(create(this.#schema, request));
	}

	/** The next response that nobody took yet. */
	async next(): Promise<Response> {
		const response = await eventually("a response", () => {
			if (this.ended) throw new Error("the stream has ended");
			return this.received[this.#taken];
		});
		this.#taken++;
		return response;
	}

	/** How many responses wait to be taken. */
	get waiting(): number {
		return this.received.length - this.#taken;
	}

	close(): void {
		this.ended = true;
		this.#stream.cancel();
	}
}

export type SotwStream = ForeignStream<typeof DiscoveryRequestSchema, DiscoveryResponse>;
export type DeltaStream = ForeignStream<typeof DeltaDiscoveryRequestSchema, DeltaDiscoveryResponse>;

/** A grpc-js client of an ADS server on this machine. */
export class ForeignXdsClient {
	readonly #client: Client;

	constructor(port: number) {
		this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
	}

	sotw(): SotwStream {
		return this.#open("StreamAggregatedResources", DiscoveryRequestSchema, DiscoveryResponseSchema);
	}

	delta(): DeltaStream {
		return this.#open("DeltaAggregatedResources", DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema);
	}

	close(): void {
		this.#client.close();
	}

	#open<I extends DescMessage, O extends DescMessage>(method: string, input: I, output: O) {
		const stream = this.#client.makeBidiStreamRequest(
			`${SERVICE}/${method}`,
			(request: MessageShape<I>) => Buffer.from(toBinary(input, request)),
			(bytes: Buffer) => fromBinary(output, bytes),
		);
		return new ForeignStream<I, MessageShape<O>>(input, stream);
	}
}
