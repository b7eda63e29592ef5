import { isDnsLabel, isFqdn } from "./host-names.ts";
import type { Report } from "./report.ts";

/** Reserved gateway name that stands for all sidecars. */
export const MESH = "mesh";

/** `name`, `namespace/name`, `mesh`, or the old `name.namespace.svc.cluster.local`. */
export function checkGatewayName(gateway: string, where: string, report: Report): void {
	if (gateway === MESH) return;
	const parts = gateway.split("/");
	if (parts.length === 1) {
		if (!isFqdn(gateway)) report.error("LTN1304", where, `${JSON.stringify(gateway)} is no gateway name`);
		else if (gateway.includes("."))
			report.warn(
				"LTN1304",
				where,
				"gateways are named namespace/name now",
				`write ${gateway.split(".")[1]}/${gateway.split(".")[0]}`,
			);
		return;
	}
	if (parts.length > 2 || !parts.every((part) => isDnsLabel(part) || part === "."))
		report.error("LTN1304", where, `${JSON.stringify(gateway)} is not namespace/name`);
}
