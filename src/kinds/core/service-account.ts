import { builtinKind } from "../builtin-kind.ts";
import { AGE, integer, listAt } from "../table/columns.ts";

/** ServiceAccount of the core group. */
export const ServiceAccount = builtinKind({
	group: "",
	kind: "ServiceAccount",
	columns: [integer("Secrets", (account) => listAt(account, "secrets").length), AGE],
});
