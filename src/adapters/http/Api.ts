import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import manifest from "../../../package.json" with { type: "json" }
import { HealthBody, ProblemBody } from "../../operations/bodies.ts"
import { strictly } from "../../operations/decodeInput.ts"
import { crewOperations } from "../../operations/operations.ts"
import { documented } from "./documented.ts"
import { groupsOf } from "./endpoints.ts"
import { Gate } from "./gate.ts"
import { isRouted } from "./placesOf.ts"

const problem = <Status extends number>(status: Status) =>
  ProblemBody.pipe(
    HttpApiSchema.status(status),
    HttpApiSchema.asJson({ contentType: "application/problem+json" }),
  )

class HealthGroup extends HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("live", "/livez", { success: HealthBody }).annotate(
    OpenApi.Summary,
    "Says that the program lives",
  ),
  HttpApiEndpoint.get("ready", "/readyz", {
    query: { verbose: Schema.optionalKey(Schema.String) },
    success: HealthBody,
    error: problem(503),
  }).annotate(OpenApi.Summary, "Says whether requests would be served"),
) {}

/** The operations that REST offers on the program's own port. */
export const routed = crewOperations.filter(isRouted)

/** The REST interface of tracker.md, as a document at `/openapi.json` and a page at `/docs`. */
export const Api = HttpApi.make("crewlog")
  .add(HealthGroup, ...groupsOf(routed).map((group) => group.middleware(Gate)))
  .annotateMerge(
    OpenApi.annotations({
      title: "Crewlog",
      version: manifest.version,
      description:
        "Projects, tasks, messages and members of a crew. Every accepted command is on the log for ever.",
      transform: documented,
    }),
  )
  .annotate(HttpApi.ParseOptions, strictly)
  // Requests bring headers that are not ours.
  .annotate(HttpApi.HeadersParseOptions, {})
