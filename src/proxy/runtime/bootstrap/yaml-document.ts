/** Only loaded for bootstraps that are YAML. A module of our own, since a bundler gives a CommonJS package that is imported on demand no named exports. */
export { parseDocument } from "yaml";
