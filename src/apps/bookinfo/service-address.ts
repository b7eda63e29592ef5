import type { Env } from "../kit/serve.ts";

/** `http://host:port` of one of Bookinfo's services, by the environment variables that its images read. */
export function serviceUrl(env: Env, name: "details" | "ratings" | "reviews"): string {
	const upper = name.toUpperCase();
	const domain = env.SERVICES_DOMAIN ? `.${env.SERVICES_DOMAIN}` : "";
	const host = env[`${upper}_HOSTNAME`] ?? name;
	const port = env[`${upper}_SERVICE_PORT`] ?? "9080";
	return `http://${host}${domain}:${port}`;
}
