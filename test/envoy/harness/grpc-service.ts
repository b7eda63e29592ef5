import { after } from "node:test";
import {
	create,
	type DescMessage,
	fromBinary,
	type MessageInitShape,
	type MessageShape,
	toBinary,
} from "@bufbuild/protobuf";
import { type Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";

/** A gRPC method as a scene answers it; both proxies call the same server. */
export interface UnaryMethod<Q extends DescMessage, A extends DescMessage> {
	/** `/package.Service/Method`. */
	readonly path: string;
	readonly request: Q;
	readonly response: A;
	/** The answer, a gRPC status, or no answer at all. */
	answer(request: MessageShape<Q>, metadata: Metadata): MessageInitShape<A> | { readonly grpcStatus: number } | "hang";
}

/** Serves one method on a free port of 127.0.0.1 until the tests of the file are through. */
export async function serveUnary<Q extends DescMessage, A extends DescMessage>(
	method: UnaryMethod<Q, A>,
): Promise<number> {
	const server = new Server();
	const definition = {
		path: method.path,
		requestStream: false as const,
		responseStream: false as const,
		requestSerialize: (bytes: Buffer) => bytes,
		requestDeserialize: (bytes: Buffer) => fromBinary(method.request, bytes),
		responseSerialize: (message: MessageShape<A>) => Buffer.from(toBinary(method.response, message)),
		responseDeserialize: (bytes: Buffer) => bytes,
	};
	server.addService(
		{ method: definition },
		{
			method(
				call: { request: MessageShape<Q>; metadata: Metadata },
				done: (error: object | null, answer?: unknown) => void,
			) {
				const answer = method.answer(call.request, call.metadata);
				if (answer === "hang") return;
				if ("grpcStatus" in answer) done({ code: answer.grpcStatus, details: status[answer.grpcStatus as status] });
				else done(null, create(method.response, answer as MessageInitShape<A>));
			},
		},
	);
	after(() => server.forceShutdown());
	return new Promise((resolve, reject) => {
		server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
			error ? reject(error) : resolve(port),
		);
	});
}
