import { Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  OpenApi,
} from "effect/http-api"
import manifest from "../../../../package.json" with { type: "json" }
import { ProblemBody } from "../../../operations/bodies.ts"
import { strictly } from "../../../operations/decodeInput.ts"
import { GatewayHealthBody } from "../../../operations/gatewayBodies.ts"
import { gatewayOperations } from "../../../operations/operations.ts"
import { documented } from "../documented.ts"
import { groupsOf } from "../endpoints.ts"
import { Gate } from "../gate.ts"
import { isRouted } from "../placesOf.ts"

/** Keeps out requests that the pages of others make a browser send; stands before the Gate. */
export class PageGate extends HttpApiMiddleware.Service<PageGate>()(
  "crewlog/adapters/http/gateway/PageGate",
) {}

const metrics = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain" }))

class OpenGroup extends HttpApiGroup.make("open").add(
  HttpApiEndpoint.get("health", "/health", { success: GatewayHealthBody }).annotate(
    OpenApi.Summary,
    "Says that the gateway lives",
  ),
  HttpApiEndpoint.get("metrics", "/metrics", { success: metrics }).annotate(
    OpenApi.Summary,
    "Shows the metrics of this node, for Prometheus",
  ),
) {}

/** The operations that the gateway's own port offers. */
export const routed = gatewayOperations.filter(isRouted)

/** The gateway's interface but for the proxy itself (gateway.md), at `/openapi.json` of its own port. */
export const GatewayApi = HttpApi.make("crewlog-gateway")
  .add(OpenGroup, ...groupsOf(routed).map((group) => group.middleware(Gate).middleware(PageGate)))
  .annotateMerge(
    OpenApi.annotations({
      title: "Crewlog's provider gateway",
      version: manifest.version,
      description:
        "Backends, their pools, what they cost and what members may spend. For admins. Models are asked under /v1/, as OpenAI's own API has it.",
      transform: documented,
    }),
  )
  .annotate(HttpApi.AdditionalSchemas, [ProblemBody])
  .annotate(HttpApi.ParseOptions, strictly)
  .annotate(HttpApi.HeadersParseOptions, {})
