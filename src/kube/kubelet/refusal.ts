/** A request to the kubelet's server that cannot be served: HTTP status and the sentence for the user. */
export class Refusal extends Error {
	readonly status: number;
	constructor(status: number, message: string) {
		super(message);
		this.name = "Refusal";
		this.status = status;
	}
}
