import type { HostStats } from "./cluster.ts";

/** The counts of an endpoint that nothing was sent to yet. */
export function newHostStats(): HostStats {
	return {
		rqTotal: 0,
		rqSuccess: 0,
		rqError: 0,
		rqTimeout: 0,
		rqPendingActive: 0,
		cxTotal: 0,
		cxActive: 0,
		cxConnectFail: 0,
	};
}
