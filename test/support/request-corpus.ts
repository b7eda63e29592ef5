import { execFile } from "node:child_process";
import { access, glob, mkdir, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The release whose source archive carries the corpus. */
const GUNICORN_VERSION = "27.0.1";

/** One file: bytes of a connection that a server of another project is tested with. */
export interface CorpusRequest {
	/** `invalid/chunked_01` */
	readonly name: string;
	readonly bytes: Buffer;
}

/** Requests by which gunicorn's parser is judged, taken from PyPI into the cache folder; or why they cannot be had. */
export async function requestCorpus(): Promise<readonly CorpusRequest[] | { readonly skip: string }> {
	try {
		const folder = await corpusFolder();
		const files: string[] = [];
		for await (const file of glob("{valid,invalid}/*.http", { cwd: folder })) files.push(file);
		files.sort();
		return await Promise.all(
			files.map(async (file) => ({
				name: `${file.split("/")[0]}/${basename(file, ".http")}`,
				bytes: decode(await readFile(join(folder, file), "latin1")),
			})),
		);
	} catch (error) {
		return { skip: `gunicorn ${GUNICORN_VERSION} cannot be had: ${(error as Error).message.split("\n")[0]}` };
	}
}

async function corpusFolder(): Promise<string> {
	const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lateen");
	const folder = join(cache, `gunicorn-${GUNICORN_VERSION}`, "tests", "requests");
	const there = await access(folder).then(
		() => true,
		() => false,
	);
	if (there) return folder;
	const downloads = join(cache, "dl", String(process.pid));
	await mkdir(downloads, { recursive: true });
	// The archive itself, whatever wheels there are.
	const options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", downloads];
	await run("python3", ["-m", "pip", "download", ...options, `gunicorn==${GUNICORN_VERSION}`], { timeout: 300_000 });
	await run("tar", ["xzf", join(downloads, `gunicorn-${GUNICORN_VERSION}.tar.gz`), "-C", downloads]);
	await rename(join(downloads, `gunicorn-${GUNICORN_VERSION}`), join(cache, `gunicorn-${GUNICORN_VERSION}`)).catch(
		(error: NodeJS.ErrnoException) => {
			// Another test process was quicker.
			if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
		},
	);
	return folder;
}

/** The files' own notation: line ends count for nothing, control characters are written as escapes. */
function decode(text: string): Buffer {
	const escapes: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", 0: "\0" };
	const bytes = text
		.replaceAll("\n", "")
		.replace(/\\(?:x([0-9a-fA-F]{2})|([rnt0]))/g, (_, hex: string | undefined, letter: string) =>
			hex === undefined ? escapes[letter]! : String.fromCharCode(Number.parseInt(hex, 16)),
		);
	return Buffer.from(bytes, "latin1");
}
