// Validates FHIR R4 resources with the package `fhir`: a JSON array in on standard input, errors per resource out.
// Its warnings are let be: codes outside of value sets that R4 only suggests, as languages it has not heard of.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { Fhir } = createRequire(import.meta.url)("fhir");
const fhir = new Fhir();
const told = JSON.parse(readFileSync(0, "utf8")).map((resource) =>
  fhir
    .validate(resource, { errorOnUnexpected: true })
    .messages.filter((each) => each.severity === "error" || each.severity === "fatal")
    .map((each) => `${each.location ?? each.resourceId}: ${each.message}`),
);
process.stdout.write(JSON.stringify(told));
