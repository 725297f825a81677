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
import { BackendId } from "../../../domain/Backend.ts"
import { Slug } from "../../../domain/Ids.ts"
import { Line } from "../../../domain/Text.ts"
import { Gate } from "../Api.ts"
import { documented } from "../documented.ts"
import type { Exchange } from "../Exchange.ts"
import {
  AllowanceBody,
  BackendBody,
  BackendChangesBody,
  ConfigBody,
  GatewayHealthBody,
  NewAllowanceBody,
  NewBackendBody,
  NewConfigBody,
  NewKeyBody,
  PoolBody,
} from "./bodies.ts"
import { CooldownBody, DayBody, HourBody, MemberUsageBody, TaskUsageBody, TotalBody } from "./statsBodies.ts"

const optional = Schema.optionalKey
const { delete: del, get, post, put } = HttpApiEndpoint

/** Lets nobody in but admins, to reads as well; stands behind the Gate. */
export class AdminGate extends HttpApiMiddleware.Service<AdminGate, { requires: Exchange }>()(
  "crewlog/adapters/http/gateway/AdminGate",
) {}

/** Keeps out what the pages of others make a browser send; stands before the Gate. */
export class PageGate extends HttpApiMiddleware.Service<PageGate>()(
  "crewlog/adapters/http/gateway/PageGate",
) {}

const byId = { id: BackendId }
const between = (minimum: number, maximum: number) =>
  optional(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

class BackendsGroup extends HttpApiGroup.make("backends")
  .add(
    get("list", "/", { success: Schema.Array(BackendBody) }),
    post("register", "/", { payload: NewBackendBody, success: BackendBody.pipe(HttpApiSchema.status(201)) }),
    get("one", "/:id", { params: byId, success: BackendBody }),
    put("change", "/:id", { params: byId, payload: BackendChangesBody, success: BackendBody }),
    del("remove", "/:id", { params: byId }),
    post("rotateKey", "/:id/key", { params: byId, payload: NewKeyBody, success: BackendBody }),
    post("enable", "/:id/enable", { params: byId, success: BackendBody }),
    post("disable", "/:id/disable", { params: byId, success: BackendBody }),
  )
  .prefix("/api/admin/backends")
  .middleware(AdminGate)
  .middleware(Gate)
  .middleware(PageGate) {}

class PoolsGroup extends HttpApiGroup.make("pools")
  .add(get("list", "/", { success: Schema.Array(PoolBody) }))
  .prefix("/api/admin/pools")
  .middleware(AdminGate)
  .middleware(Gate)
  .middleware(PageGate) {}

const ofBackend = { backend_id: optional(BackendId) }
/** 90 days. */
const hours = between(1, 2_160)
const days = between(1, 366)
const limit = between(1, 500)
const name = optional(Line(200))

class StatsGroup extends HttpApiGroup.make("stats")
  .add(
    get("total", "/total", { query: { ...ofBackend, hours }, success: TotalBody }),
    get("hourly", "/hourly", { query: { ...ofBackend, hours }, success: Schema.Array(HourBody) }),
    get("daily", "/daily", { query: { ...ofBackend, days }, success: Schema.Array(DayBody) }),
    get("cooldown", "/cooldown", { query: { ...ofBackend, limit }, success: Schema.Array(CooldownBody) }),
    get("members", "/members", { query: { ...ofBackend, days }, success: Schema.Array(MemberUsageBody) }),
    get("tasks", "/tasks", {
      query: { project: name, task: name, limit },
      success: Schema.Array(TaskUsageBody),
    }),
  )
  .prefix("/api/admin/stats")
  .middleware(AdminGate)
  .middleware(Gate)
  .middleware(PageGate) {}

const byKey = { key: Line(100) }

class ConfigGroup extends HttpApiGroup.make("config")
  .add(
    get("list", "/", { success: Schema.Array(ConfigBody) }),
    get("one", "/:key", { params: byKey, success: ConfigBody }),
    put("set", "/:key", { params: byKey, payload: NewConfigBody, success: ConfigBody }),
    del("remove", "/:key", { params: byKey }),
  )
  .prefix("/api/admin/config")
  .middleware(AdminGate)
  .middleware(Gate)
  .middleware(PageGate) {}

const bySlug = { slug: Slug }

class AllowancesGroup extends HttpApiGroup.make("allowances")
  .add(
    get("one", "/:slug", { params: bySlug, success: AllowanceBody }),
    put("set", "/:slug", { params: bySlug, payload: NewAllowanceBody, success: AllowanceBody }),
    del("remove", "/:slug", { params: bySlug }),
  )
  .prefix("/api/admin/allowances")
  .middleware(AdminGate)
  .middleware(Gate)
  .middleware(PageGate) {}

const events = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" }))

class DashboardGroup extends HttpApiGroup.make("dashboard")
  .add(get("watch", "/dashboard/sse", { success: events }))
  .middleware(AdminGate)
  .middleware(Gate)
  .middleware(PageGate) {}

const metrics = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain" }))

class OpenGroup extends HttpApiGroup.make("open").add(
  get("health", "/health", { success: GatewayHealthBody }),
  get("metrics", "/metrics", { success: metrics }),
) {}

/** The gateway's interface but for the proxy itself (provider-gateway.md), at `/openapi.json` of its own port. */
export class GatewayApi extends HttpApi.make("crewlog-gateway")
  .add(BackendsGroup, PoolsGroup, StatsGroup, ConfigGroup, AllowancesGroup, DashboardGroup, OpenGroup)
  .annotateMerge(
    OpenApi.annotations({
      title: "Crewlog's provider gateway",
      version: manifest.version,
      description:
        "Backends, their pools, what they cost and what members may spend. For admins. Models are asked under /v1/, as OpenAI's own API has it.",
      transform: documented,
    }),
  )
  .annotate(HttpApi.ParseOptions, { errors: "all" }) {}
