import type { FieldError } from "../../../kinds/definition.ts";
import { formatFieldError } from "../../../kinds/field-error.ts";

/** One reason of a refused request, as `details.causes[]` carries it. */
export interface StatusCause {
	readonly reason?: string;
	readonly message?: string;
	readonly field?: string;
}

/** `details` of a Status. */
export interface StatusDetails {
	readonly name?: string;
	readonly group?: string;
	readonly kind?: string;
	readonly uid?: string;
	readonly causes?: readonly StatusCause[];
	readonly retryAfterSeconds?: number;
}

/** meta/v1 Status as it goes over the wire. */
export interface Status {
	readonly kind: "Status";
	readonly apiVersion: "v1";
	readonly metadata: Record<string, never>;
	readonly status: "Success" | "Failure";
	readonly message?: string;
	readonly reason?: string;
	readonly details?: StatusDetails;
	readonly code?: number;
}

/** A request that the server refuses; the handler answers with `status`. */
export class ApiError extends Error {
	readonly status: Status & { readonly code: number };

	constructor(code: number, reason: string, message: string, details?: StatusDetails, options?: ErrorOptions) {
		super(message, options);
		this.name = "ApiError";
		this.status = {
			kind: "Status",
			apiVersion: "v1",
			metadata: {},
			status: "Failure",
			message,
			...(reason === "" ? {} : { reason }),
			...(details ? { details } : {}),
			code,
		};
	}
}

/** Names a resource in errors. */
export interface ResourceName {
	readonly group: string;
	readonly plural: string;
}

/** `deployments.apps`, `pods`. */
export function qualified({ group, plural }: ResourceName): string {
	return group === "" ? plural : `${plural}.${group}`;
}

function detailsOf(resource: ResourceName, name: string): StatusDetails {
	return { name, ...(resource.group === "" ? {} : { group: resource.group }), kind: resource.plural };
}

export function notFound(resource: ResourceName, name: string): ApiError {
	return new ApiError(404, "NotFound", `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

/** An unknown resource, version or subresource. */
export function unknownResource(): ApiError {
	return new ApiError(404, "NotFound", "the server could not find the requested resource", {});
}

export function alreadyExists(resource: ResourceName, name: string): ApiError {
	return new ApiError(
		409,
		"AlreadyExists",
		`${qualified(resource)} "${name}" already exists`,
		detailsOf(resource, name),
	);
}

export function conflict(resource: ResourceName, name: string, why: string): ApiError {
	const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
	return new ApiError(409, "Conflict", message, detailsOf(resource, name));
}

/** Somebody else changed the object since it was read. */
export function modified(resource: ResourceName, name: string): ApiError {
	const why = "the object has been modified; please apply your changes to the latest version and try again";
	return conflict(resource, name, why);
}

export function badRequest(message: string, options?: ErrorOptions): ApiError {
	return new ApiError(400, "BadRequest", message, undefined, options);
}

export function forbidden(
	resource: ResourceName,
	name: string,
	why: string,
	causes?: readonly StatusCause[],
): ApiError {
	const subject = name === "" ? qualified(resource) : `${qualified(resource)} "${name}"`;
	const details = { ...detailsOf(resource, name), ...(causes ? { causes } : {}) };
	return new ApiError(403, "Forbidden", `${subject} is forbidden: ${why}`, details);
}

/** 422 with every field's error: `Deployment.apps "x" is invalid: [...]`. */
export function invalid(kind: { group: string; kind: string }, name: string, errors: readonly FieldError[]): ApiError {
	const subject = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
	const texts = [...new Set(errors.map(formatFieldError))];
	const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
	return new ApiError(422, "Invalid", `${subject} "${name}" is invalid: ${list}`, {
		name,
		...(kind.group === "" ? {} : { group: kind.group }),
		kind: kind.kind,
		causes: errors.map((error) => ({ reason: error.reason, message: error.kubernetesText, field: error.path })),
	});
}

export function methodNotAllowed(): ApiError {
	return new ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});
}

export function unsupportedMediaType(message: string): ApiError {
	return new ApiError(415, "UnsupportedMediaType", message);
}

export function notAcceptable(accepted: readonly string[]): ApiError {
	return new ApiError(406, "NotAcceptable", `only the following media types are accepted: ${accepted.join(", ")}`);
}

export function unauthorized(): ApiError {
	return new ApiError(401, "Unauthorized", "Unauthorized");
}

export function entityTooLarge(maxBytes: number): ApiError {
	const message = `Request entity too large: limit is ${maxBytes}`;
	return new ApiError(413, "RequestEntityTooLarge", message);
}

export function expired(message: string): ApiError {
	return new ApiError(410, "Expired", message);
}

/** What is told of a revision that the store has not reached. */
export function tooLargeRevision(message: string): ApiError {
	return new ApiError(504, "Timeout", `Timeout: ${message}`, {
		causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
		retryAfterSeconds: 1,
	});
}

/** A part of the API that this server does not have yet, told by name. */
export function notSupportedYet(what: string): ApiError {
	return new ApiError(501, "NotImplemented", `${what} is not supported by this server yet`);
}

export function internalError(cause: unknown): ApiError {
	const reason = cause instanceof Error ? cause.message : String(cause);
	const details = { causes: [{ message: reason }] };
	return new ApiError(500, "InternalError", `Internal error occurred: ${reason}`, details, { cause });
}
