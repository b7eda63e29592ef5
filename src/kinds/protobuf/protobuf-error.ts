/** A body that is no Kubernetes protobuf, or a kind without a known wire form; the API server answers 400 or 415. */
export class ProtobufError extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "ProtobufError";
	}
}
