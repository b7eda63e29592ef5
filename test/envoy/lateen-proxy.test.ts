import { startLateenProxy } from "../support/lateen-proxy.ts";
import { proxySuite } from "./proxy-suite.ts";

proxySuite({ name: "Lateen's proxy", skip: false, resolvesNames: false, start: startLateenProxy });
