// Opens connections, sends one request on each, keeps them open. Usage: connections.ts PORT COUNT. Prints the number once all are answered, then waits to be ended.
import { connect } from "node:net";

const [port, count] = process.argv.slice(2).map(Number) as [number, number];
let answered = 0;

function open(): void {
	const socket = connect({ port, host: "127.0.0.1" });
	socket.write("GET /productpage HTTP/1.1\r\nHost: bench\r\n\r\n");
	socket.once("data", () => {
		if (++answered === count) console.log(answered);
		else if (answered + 50 <= count) open();
	});
	socket.on("error", (error) => {
		console.error(error.message);
		process.exit(1);
	});
}

for (let i = 0; i < Math.min(50, count); i++) open();
setInterval(() => {}, 60_000);
