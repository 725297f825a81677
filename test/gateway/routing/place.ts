import { assert } from "vitest"
import type { Api, Lease, NoLease, Observation, Probed, Route } from "../../../src/gateway/routing/Route.ts"
import { Router } from "../../../src/gateway/routing/Router.ts"
import type { KnownBackend } from "../../../src/domain/Backend.ts"
import type { Cooldown } from "../../../src/domain/cooldowns.ts"
import { type GatewayOptions, gatewayDefaults } from "../../../src/domain/Gateway.ts"
import type { ModelMapping } from "../../../src/domain/ModelMapping.ts"
import { ManualTimers } from "./ManualTimers.ts"

export const MODEL = "small"

const mapping = (native_id: string): ModelMapping => ({
  native_id,
  reasoning: false,
  reasoning_effort: null,
  input_modalities: ["text"],
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  context_window: 128_000,
  max_tokens: 65_536,
  compat: {},
})

export const mappings = (...models: ReadonlyArray<string>) =>
  Object.fromEntries(models.map((model) => [model, mapping(`native-${model}`)]))

/** A backend named by one letter: `a` is `bkd_00000000000a`, and was registered before `b`. */
export const backend = (letter: string, more: Partial<KnownBackend> = {}): KnownBackend => ({
  _tag: "Known",
  id: idOf(letter),
  name: letter,
  label: "",
  source: "webui",
  api_base_url: `https://${letter}.example.org/v1`,
  api: "openai-completions",
  key_version: "0",
  key_mask: "**********",
  timeout_seconds: 120,
  rpm_limit: 60,
  pool: "primary",
  cooldown_scope: "backend",
  model_mappings: mappings(MODEL),
  metadata: {},
  is_enabled: true,
  fault: null,
  health: "healthy",
  cooldowns: [],
  created_at: `2026-01-01T00:00:00.${String(letter.charCodeAt(0)).padStart(3, "0")}Z`,
  updated_at: "2026-01-01T00:00:00.000Z",
  ...more,
})

export const idOf = (letter: string) => `bkd_${letter.charCodeAt(0).toString(16).padStart(12, "0")}`
const letterOf = (id: string) => String.fromCharCode(Number.parseInt(id.slice(4), 16))

export const completions: ReadonlyArray<Api> = ["openai-completions", "openai-responses"]

/** The state of a request that waits, as far as it is known. */
export interface Pending {
  answer: Lease | NoLease | undefined
}

/** A router with its clock, and all that it told. */
export class Place {
  readonly timers: ManualTimers
  readonly observations: Array<Observation> = []
  readonly healths: Array<readonly [letter: string, probed: Probed]> = []
  readonly router: Router
  options: GatewayOptions
  nodes: number
  #routes: ReadonlyArray<Route>

  constructor(
    backends: ReadonlyArray<KnownBackend>,
    options: Partial<GatewayOptions> = {},
    { nodes = 1, timers = new ManualTimers(), isEmergency = false } = {},
  ) {
    this.timers = timers
    this.options = { ...gatewayDefaults, ...options }
    this.nodes = nodes
    this.#routes = backends.map((backend) => ({ backend, key: `key of ${backend.name}` }))
    this.router = new Router(timers, {
      observer: (observation) => this.observations.push(observation),
      onHealth: (id, probed) => this.healths.push([letterOf(id), probed]),
    })
    this.update({}, isEmergency)
  }

  /** The log says something else about some backends, by letter. */
  update(
    changes: Readonly<Record<string, Partial<KnownBackend> | undefined>> = {},
    isEmergency = false,
  ): void {
    this.#routes = this.#routes.map(({ backend, key }) => ({
      key,
      backend: { ...backend, ...changes[backend.name] },
    }))
    this.router.update(this.#routes, this.options, this.nodes, isEmergency)
  }

  /** Exactly these are there, each with a key if that is given. */
  become(routes: ReadonlyArray<Route>): void {
    this.#routes = routes
    this.update()
  }

  begin(model = MODEL, signal?: AbortSignal) {
    const client = signal && { signal, isGone: signal.aborted }
    return this.router.begin({ model, apis: completions, client })
  }

  /** A lease that is there at once. */
  lease(model = MODEL): Lease {
    return leaseOf(this.begin(model).next())
  }

  /** `a` and what it came to, one after the other. */
  letters(count: number): string {
    return Array.from({ length: count }, () => this.lease().route.backend.name).join("")
  }

  /** A request that has to wait. */
  wait(model = MODEL, signal?: AbortSignal): Pending {
    return pend(this.begin(model, signal).next())
  }

  /** A 429 to a request of its own. */
  limit(letter: string, retryAfterMillis: number | null = null, model = MODEL): Lease {
    for (;;) {
      const lease = this.lease(model)
      if (lease.route.backend.name !== letter) {
        lease.settle({ kind: "caller" })
        continue
      }
      lease.settle(rateLimited(retryAfterMillis))
      return lease
    }
  }

  /** Time passes, and whoever was woken goes on. */
  async pass(millis: number): Promise<void> {
    this.timers.pass(millis)
    await settled()
  }

  /** The cooldown as the log would have it after the observations so far. */
  cooldown(more: Partial<Cooldown> = {}): Cooldown {
    return {
      model: null,
      reason: "rate_limit",
      strikes: 1,
      since: this.instant(),
      until: this.instant(30_000),
      ...more,
    }
  }

  instant(millis = 0): string {
    return new Date(this.timers.now() + millis).toISOString()
  }

  rpmLeft(letter: string): number {
    return this.router.snapshot().backends.get(idOf(letter))?.rpmLeft ?? Number.NaN
  }
}

/** Everybody whose promise was kept has gone on. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export const isLease = (answer: unknown): answer is Lease =>
  typeof answer === "object" && answer !== null && "settle" in answer

export const leaseOf = (answer: Lease | NoLease | Promise<unknown> | undefined): Lease => {
  if (!isLease(answer)) throw new Error(`no lease: ${JSON.stringify(answer)}`)
  return answer
}

export const noneOf = (answer: Lease | NoLease | Promise<unknown> | undefined): NoLease => {
  if (answer === undefined || isLease(answer) || answer instanceof Promise)
    throw new Error("this was to be refused at once")
  return answer
}

/** The end of a request that has to wait. */
export const pend = (answer: Lease | NoLease | Promise<Lease | NoLease>): Pending => {
  assert.instanceOf(answer, Promise, "it was to wait")
  const pending: Pending = { answer: undefined }
  const note = async () => {
    pending.answer = await answer
  }
  void note()
  return pending
}

export const rateLimited = (
  retryAfterMillis: number | null = null,
  reason: "rate_limit" | "quota" = "rate_limit",
) => ({ kind: "rate_limited", reason, retryAfterMillis }) as const

export const ok = { kind: "ok" } as const
export const failed = { kind: "failed", error: "http_500" } as const
