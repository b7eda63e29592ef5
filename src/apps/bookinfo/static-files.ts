import { Buffer } from "node:buffer";

/** A file below `/static/`. */
export interface StaticFile {
	readonly type: string;
	readonly body: string | Uint8Array;
}

const STYLESHEET = `:root {
	--ink: #1f2430;
	--soft: #5d6475;
	--line: #e5e2da;
	--paper: #fbfaf6;
	--card: #ffffff;
	--accent: #3b5bdb;
	--red: #d6293e;
	color-scheme: light dark;
}

@media (prefers-color-scheme: dark) {
	:root {
		--ink: #eceef4;
		--soft: #a0a7b8;
		--line: #333947;
		--paper: #14171f;
		--card: #1c202b;
		--accent: #91a7ff;
		--red: #ff6b7a;
	}
}

* {
	box-sizing: border-box;
}

body {
	margin: 0;
	background: var(--paper);
	color: var(--ink);
	font:
		16px / 1.6 system-ui,
		-apple-system,
		"Segoe UI",
		sans-serif;
}

a {
	color: var(--accent);
}

.bar {
	display: flex;
	flex-wrap: wrap;
	gap: 0.75rem;
	align-items: center;
	justify-content: space-between;
	padding: 0.75rem max(1.25rem, calc(50vw - 32rem));
	background: var(--card);
	border-bottom: 1px solid var(--line);
}

.brand {
	display: flex;
	gap: 0.6rem;
	align-items: center;
	font-weight: 650;
	letter-spacing: -0.01em;
}

.sign-in {
	display: flex;
	flex-wrap: wrap;
	gap: 0.5rem;
	align-items: center;
}

.sign-in input {
	width: 9.5rem;
	padding: 0.4rem 0.65rem;
	border: 1px solid var(--line);
	border-radius: 0.5rem;
	background: var(--paper);
	color: inherit;
	font: inherit;
	font-size: 0.9rem;
}

.sign-in button {
	padding: 0.42rem 0.9rem;
	border: 0;
	border-radius: 0.5rem;
	background: var(--ink);
	color: var(--card);
	font: inherit;
	font-size: 0.9rem;
	font-weight: 600;
	cursor: pointer;
}

.user {
	padding: 0.15rem 0.7rem;
	border-radius: 1rem;
	background: color-mix(in srgb, var(--accent) 14%, transparent);
	font-weight: 600;
}

main {
	max-width: 64rem;
	margin: 0 auto;
	padding: 0 1.25rem 4rem;
}

.hero {
	padding: 3.5rem 0 2.5rem;
}

.eyebrow {
	margin: 0 0 0.5rem;
	color: var(--soft);
	font-size: 0.8rem;
	font-weight: 600;
	letter-spacing: 0.12em;
	text-transform: uppercase;
}

h1 {
	margin: 0 0 1rem;
	font:
		600 clamp(2.1rem, 5vw, 3.4rem) / 1.1 Georgia,
		"Iowan Old Style",
		serif;
	letter-spacing: -0.02em;
}

h2 {
	margin: 0 0 1rem;
	font:
		600 1.3rem / 1.3 Georgia,
		"Iowan Old Style",
		serif;
}

.summary {
	max-width: 46rem;
	margin: 0;
	color: var(--soft);
}

.columns {
	display: grid;
	grid-template-columns: minmax(15rem, 1fr) 2fr;
	gap: 1.25rem;
	align-items: start;
}

@media (max-width: 44rem) {
	.columns {
		grid-template-columns: 1fr;
	}
}

.card {
	padding: 1.5rem;
	border: 1px solid var(--line);
	border-radius: 0.9rem;
	background: var(--card);
	overflow-x: auto;
}

table {
	width: 100%;
	border-collapse: collapse;
}

th,
td {
	padding: 0.5rem 0.75rem 0.5rem 0;
	border-bottom: 1px solid var(--line);
	text-align: left;
	font-weight: 400;
}

th {
	color: var(--soft);
	font-size: 0.9rem;
}

tr:last-child > * {
	border-bottom: 0;
}

.review {
	margin: 0 0 1.25rem;
	padding-bottom: 1.25rem;
	border-bottom: 1px solid var(--line);
}

.review blockquote {
	margin: 0.35rem 0;
	font:
		1.05rem / 1.55 Georgia,
		"Iowan Old Style",
		serif;
}

.review figcaption {
	color: var(--soft);
	font-size: 0.9rem;
}

.review figcaption::before {
	content: "\\2014\\00a0";
}

.served {
	margin: 0;
	color: var(--soft);
	font-size: 0.9rem;
}

.flex {
	display: flex;
}

.gap-x-1 {
	column-gap: 0.25rem;
}

.star {
	width: 1.2rem;
	height: 1.2rem;
}

.text-black-500 {
	color: var(--ink);
}

.text-red-500 {
	color: var(--red);
}

.rating-error {
	margin: 0;
	font-size: 0.9rem;
}
`;

/** "r" loads the page again, which is what one does to watch traffic move. */
const SCRIPT = `document.addEventListener("keydown", (event) => {
	if (event.key === "r" && !(event.metaKey || event.ctrlKey || event.altKey) && event.target === document.body)
		location.reload();
});
`;

/** The shop's sign, an open book on a disc, 72 by 72. */
const SIGN_PNG =
	"iVBORw0KGgoAAAANSUhEUgAAAEgAAABICAYAAABV7bNHAAADL0lEQVR42u2cz2sTQRTH+x/kT+ifkD/Ao39ATp4EF7x4EcRbPaWFgrdehFJo" +
	"pRctiJZ40IpoCT2IYqGFQvUgIRRDCKRxTVNjq8Jzv+tu3aSbze7O7O7s7Bv4wiY7P958kn07M/t2ZmY4qZWuXP9StmRYqlqqO6IJcs9XnTJl" +
	"HYGUnM7VLJkBMMLKdOpCnaU8g6k4HaGEhTYqeQKDX7aZAphxoU1D9X9MFmD8QFVUAjM7xdFmJdg0q8LlZCoIx+vQjazgrCsMZlzrad+293ME" +
	"x9V+4sOCHMNJHpIGcJKDpBGcZCBpBucCUhHvVune3ZxxDmkuQ2SEbBYAkBlrxK3o9CGxaUmciScVTJUogJoFBNRkxyzDYUf599xebNHcUpse" +
	"bvZs7ewOaO/TcKJe7vTtfIsrHTLuHYU2HHlRBmVRR1AbsMG1B7bBRmn/oqi+RzSdnP6xO+zXCXyHc8gjmqT5oqhryDLTk1fmRb04lpmirnEH" +
	"zbcoK0C4PNx6cZwhIPKdp8VxzhoDMoQvL80B1fwAmaKAtiyn+vzt94nafn9CHw9+0OfGT+p++x0aEPKiDMqijqA2YIMEQKbf42ASBeQ1Ep1x" +
	"5e3A2tNjWt7o2goLyM2Pst66vG14fxwJgGjkMXfcwaFIanV+hQY0njeFS2zUDznBAcQ+aERV4Zm75oDq0gFp5KQvASJ20pclHZBmTjpbQDnw" +
	"QQwodUCaOWliJx0BUJ2ddArjIJ0HijzVmDLVMBhQ8GS1zIACljtEFszOzon6A6KedfP42pku5D0dRgeEMigbpg3YgrywTcqCWdwl1w8HJKTD" +
	"BlG7+68j44DwHc4hj2g7spZcI/uhRy+GtPpsQAvLPVu35tt0Y641UXfud+x8Dx73afPN2UgnXr/7DwjH3nPIizIoizqC2oANrj2wDTbKWrQv" +
	"pf2o9+rNht1hdMLbEfczziFPBo+gS1IeHMrUtbtHvscZqMZhLyJhMAUNfQkfAsPhLxxAJRZAxSF4HMQpHsTJYcAcSC4eSM6vIvDLLHJeZuHX" +
	"ofiFOobE762qAodfC+eNBXhrCt7cRLXNTXh7HN5gibfoUg0Yb/KmU/oLD5qxiRV/hMkAAAAASUVORK5CYII=";

/** Everything that the page loads, by path; in the program itself, so that a bundle carries it. */
export const STATIC_FILES: ReadonlyMap<string, StaticFile> = new Map([
	["bookinfo.css", { type: "text/css; charset=utf-8", body: STYLESHEET }],
	["bookinfo.js", { type: "text/javascript; charset=utf-8", body: SCRIPT }],
	["img/izzy.png", { type: "image/png", body: Buffer.from(SIGN_PNG, "base64") }],
]);
