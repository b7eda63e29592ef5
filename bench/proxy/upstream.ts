// Upstream of the benchmark: answers each request at once with a small body. Prints its port.
import { type AddressInfo, createServer } from "node:net";

const BODY = "x".repeat(128);
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\nx-powered-by: bench\r\n\r\n${BODY}`;
const HEAD_END = Buffer.from("\r\n\r\n");

const server = createServer({ noDelay: true }, (socket) => {
	socket.on("data", (chunk) => {
		// One request per read: clients here do not pipeline and their heads are small.
		if (chunk.subarray(-4).equals(HEAD_END)) socket.write(ANSWER, "latin1");
	});
	socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
