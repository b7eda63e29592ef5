import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../client/log.ts";
import type { PodRecord } from "./container-record.ts";

/** Where a pod's things are, and its record. */
export interface PodStore {
	/** Records left by an earlier run; unreadable ones are logged and left out. */
	load(): PodRecord[];
	save(record: PodRecord): void;
	podDir(uid: string): string;
	/** `logs/pods/<namespace>_<name>_<uid>` */
	podLogDir(pod: { namespace: string; name: string; uid: string }): string;
	logPath(pod: { namespace: string; name: string; uid: string }, container: string, run: number): string;
}

const STATE_FILE = "state.json";

export function createPodStore(dataDir: string, log: Log): PodStore {
	const podsDir = join(dataDir, "pods");
	const podDir = (uid: string) => join(podsDir, uid);
	const podLogDir = (pod: { namespace: string; name: string; uid: string }) =>
		join(dataDir, "logs", "pods", `${pod.namespace}_${pod.name}_${pod.uid}`);
	mkdirSync(podsDir, { recursive: true });
	return {
		podDir,
		podLogDir,
		logPath: (pod, container, run) => join(podLogDir(pod), container, `${run}.log`),
		load: () =>
			readdirSync(podsDir, { withFileTypes: true })
				.filter((entry) => entry.isDirectory())
				.flatMap(({ name }) => readRecord(join(podsDir, name, STATE_FILE), log) ?? []),
		save(record) {
			const file = join(podDir(record.uid), STATE_FILE);
			mkdirSync(podDir(record.uid), { recursive: true });
			writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
			renameSync(`${file}.new`, file);
		},
	};
}

function readRecord(file: string, log: Log): PodRecord | undefined {
	try {
		return JSON.parse(readFileSync(file, "utf8")) as PodRecord;
	} catch (error) {
		log.warn({ err: error, file }, "a pod's record cannot be read; its processes are ended");
		return undefined;
	}
}
