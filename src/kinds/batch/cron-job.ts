import { fieldPath } from "../../lib/field-path.ts";
import { containerColumns, selectorColumn } from "../apps/workload-columns.ts";
import { applyTemplateDefaults } from "../apps/workload-validation.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum, checkNonNegative } from "../core/field-rules.ts";
import { setDefault, setText } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, integer, listAt, text, textAt } from "../table/columns.ts";
import { ageSince } from "../table/human-duration.ts";
import { validateJobSpec } from "./job.ts";

const MAX_NAME = 52;

/** CronJob of batch/v1. */
export const CronJob = builtinKind({
	group: "batch",
	kind: "CronJob",
	hasGeneration: true,
	columns: [
		text("Schedule", (cron) => textAt(cron, "spec.schedule")),
		text("Timezone", (cron) => textAt(cron, "spec.timeZone", "<none>")),
		text("Suspend", (cron) => (at(cron, "spec.suspend") === true ? "True" : "False")),
		integer("Active", (cron) => listAt(cron, "status.active").length),
		text("Last Schedule", (cron, now) => {
			const last = at(cron, "status.lastScheduleTime");
			return last ? ageSince(last, now) : "<none>";
		}),
		AGE,
		...containerColumns("spec.jobTemplate.spec.template"),
		selectorColumn("spec.jobTemplate.spec.selector"),
	],
	applyDefaults(cron) {
		if (!isObject(cron.spec)) return;
		const { spec } = cron;
		setText(spec, "concurrencyPolicy", "Allow");
		setDefault(spec, "suspend", false);
		setDefault(spec, "successfulJobsHistoryLimit", 3);
		setDefault(spec, "failedJobsHistoryLimit", 1);
		const template = objectIn(spec, "jobTemplate");
		// What a Job would get by default it gets when the controller makes it; only the pods' defaults are filled in here.
		if (isObject(template.spec)) applyTemplateDefaults(template.spec);
	},
	validate(cron) {
		const spec = objectIn(cron, "spec");
		const errors = validateCronSpec(spec);
		const name = cron.metadata.name ?? "";
		if (name.length > MAX_NAME)
			errors.push(invalid(fieldPath("metadata").field("name"), name, `must be no more than ${MAX_NAME} characters`));
		return { errors, warnings: [] };
	},
});

function validateCronSpec(spec: JsonObject): FieldError[] {
	const path = fieldPath("spec");
	const at_ = path.field("schedule");
	const schedule = typeof spec.schedule === "string" ? spec.schedule : "";
	return [
		...(schedule === "" ? [required(at_)] : validateSchedule(schedule, at_.toString())),
		...checkEnum(spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"], path.field("concurrencyPolicy")),
		...["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"].flatMap((name) =>
			checkNonNegative(spec[name], path.field(name)),
		),
		...validateJobSpec(objectIn(objectIn(spec, "jobTemplate"), "spec"), path.field("jobTemplate").field("spec")),
	];
}

const NICKNAME = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)$/;
const CRON_FIELD = /^[\d*/,\-?A-Za-z]+$/;

/** Shape of a cron line; the controller parses its numbers. */
function validateSchedule(schedule: string, path: string): FieldError[] {
	if (schedule.includes("TZ"))
		return [invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")];
	if (NICKNAME.test(schedule)) return [];
	const fields = schedule.trim().split(/\s+/);
	if (fields.length !== 5)
		return [invalid(path, schedule, `expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`)];
	const wrong = fields.find((field) => !CRON_FIELD.test(field));
	return wrong === undefined ? [] : [invalid(path, schedule, `failed to parse ${wrong}`)];
}
