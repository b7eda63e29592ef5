// Reads what an upstream streams, as fast as it comes. Usage: tcp.ts PORT CONNECTIONS SECONDS. Prints a LoadResult whose requests are the megabytes.
import { connect } from "node:net";

const [port, connections, seconds] = process.argv.slice(2).map(Number) as [number, number, number];
const buffer = Buffer.allocUnsafe(256 * 1024);
let bytes = 0;
let errors = 0;
for (let i = 0; i < connections; i++) {
	const onread = {
		buffer,
		callback: (n: number) => {
			bytes += n;
			return true;
		},
	};
	connect({ port, host: "127.0.0.1", onread }).on("error", () => {
		errors++;
	});
}
setTimeout(() => {
	console.log(JSON.stringify({ requests: bytes / 1e6, errors, bytes, p50Us: Number.NaN, p99Us: Number.NaN }));
	process.exit(0);
}, seconds * 1000);
