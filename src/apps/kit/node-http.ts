/**
 * `node:http` without the cost of importing it: an ESM import reads every export of the module, and one of them loads
 * all of undici (25 to 30 ms); a sample app starts in that time.
 */
export const http = process.getBuiltinModule("node:http");
