import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, request as open, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setImmediate } from "node:timers/promises"
import { onTestFinished } from "vitest"
import { ProviderProxy } from "../../../../src/adapters/llm/proxy/ProviderProxy.ts"
import type { ProxyParts } from "../../../../src/adapters/llm/proxy/proxyParts.ts"
import { Router } from "../../../../src/gateway/routing/Router.ts"
import { systemTimers } from "../../../../src/adapters/llm/systemTimers.ts"
import type { KnownBackend } from "../../../../src/domain/Backend.ts"
import { type GatewayOptions, gatewayDefaults } from "../../../../src/domain/Gateway.ts"
import type { ModelMapping } from "../../../../src/domain/ModelMapping.ts"
import type { UsageRecord } from "../../../../src/domain/Usage.ts"
import type { RosterMember } from "../../../../src/projections/Roster.ts"
import { startUpstream } from "../../../support/upstream.ts"

export const MODEL = "small"
export const NATIVE = "native-small"
export const KEY = "sk-provider-0123456789abcdef"

export const mapping = (more: Partial<ModelMapping> = {}): ModelMapping => ({
  native_id: NATIVE,
  reasoning: false,
  reasoning_effort: null,
  input_modalities: ["text"],
  cost: { input: 1, output: 10, cacheRead: 0.1, cacheWrite: 2 },
  context_window: 128_000,
  max_tokens: 65_536,
  compat: {},
  ...more,
})

let count = 0

/** A backend at this URL; each is younger than the one before. */
export const backendAt = (api_base_url: string, more: Partial<KnownBackend> = {}): KnownBackend => {
  count += 1
  const at = new Date(Date.UTC(2026, 0, 1) + count * 1000).toISOString()
  return {
    _tag: "Known",
    id: `bkd_${count.toString(16).padStart(12, "0")}`,
    source: "webui",
    key_version: "0-1",
    key_mask: "sk-pro...cdef",
    name: `backend ${count}`,
    label: "",
    api_base_url,
    api: "openai-responses",
    timeout_seconds: 10,
    rpm_limit: 1_000_000,
    pool: "primary",
    cooldown_scope: "backend",
    model_mappings: { [MODEL]: mapping() },
    metadata: {},
    is_enabled: true,
    fault: null,
    health: "healthy",
    cooldowns: [],
    created_at: at,
    updated_at: at,
    ...more,
  }
}

const member = (role: "admin" | "member"): RosterMember =>
  ({ id: role, slug: role, name: role, role, type: "agent", is_enabled: true }) as unknown as RosterMember

/** `tb-admin` and `tb-member` are members' tokens, `shared` is nobody's. */
const callers: ProxyParts["callers"] = {
  admit: ({ authorization, "x-api-key": key, "crewlog-task": task = null }) => {
    const token = authorization?.slice("Bearer ".length) ?? key
    if (token === undefined) return { kind: "no_token" }
    if (token === "disabled") return { kind: "member_disabled" }
    if (task === "bad") return { kind: "bad_header", header: "Crewlog-Task", expected: "good" }
    const labels = { project: null, task: task as string | null }
    if (token === "shared") return { kind: "caller", member: undefined, ...labels }
    if (token === "tb-admin") return { kind: "caller", member: member("admin"), ...labels }
    return token === "tb-member"
      ? { kind: "caller", member: member("member"), ...labels }
      : { kind: "unknown_token" }
  },
  allow: () => undefined,
}

/** The part of a JSON body that tests look into. */
interface Body {
  readonly error: { readonly code: string }
  readonly object: string
  readonly model: string | null
  readonly data: ReadonlyArray<{ readonly id: string }>
  readonly choices?: ReadonlyArray<object>
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Body
}

interface Asking {
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string
  readonly method?: string
}

const parsed = (text: string) => {
  try {
    return JSON.parse(text) as Body
  } catch {
    return text as never
  }
}

/** A gateway in front of these backends, with the real router. */
export const openGateway = async (
  backends: ReadonlyArray<KnownBackend>,
  {
    options: changed = {},
    ...parts
  }: Partial<Omit<ProxyParts, "options">> & { readonly options?: Partial<GatewayOptions> } = {},
) => {
  const options = { ...gatewayDefaults, queue_seconds: 0.2, emergency_fraction: 0, ...changed }
  const records: Array<UsageRecord> = []
  const defects: Array<unknown> = []
  const observed: Array<string> = []
  const router = new Router(systemTimers, {
    observer: ({ kind }) => void observed.push(kind),
    onHealth: () => {},
  })
  router.update(
    backends.map((backend) => ({ backend, key: KEY })),
    options,
    1,
  )
  const heard = new Set<() => void>()
  const proxy = new ProviderProxy({
    callers,
    router,
    meter: {
      record: (record) => {
        records.push(record)
        for (const look of heard) look()
      },
    },
    backends: () => new Map(backends.map((backend) => [backend.id, backend])),
    options: () => options,
    catalogue: () => undefined,
    privateUpstreams: new Set(backends.map(({ api_base_url }) => new URL(api_base_url).host)),
    bodyLimit: 1024 * 1024,
    onDefect: (error) => void defects.push(error),
    ...parts,
  })
  const server = createServer(proxy.handle)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    proxy.destroy()
    router.close()
    await once(server, "close")
    if (defects.length > 0) throw defects[0]
  })

  /** Sends a request; the answer can be read as it comes, or be left. */
  const send = (
    path: string,
    body: unknown,
    { headers = {}, method = "POST", token = "tb-member" }: Asking = {},
  ) => {
    const bytes = Buffer.isBuffer(body) || typeof body === "string" ? body : JSON.stringify(body)
    const request = open({
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: {
        "content-type": "application/json",
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
    })
    request.end(method === "GET" ? undefined : bytes)
    return request
  }

  const ask = async (path: string, body: unknown, asking?: Asking): Promise<Answer> => {
    const request = send(path, body, asking)
    const [response] = await once(request, "response")
    const chunks: Array<Buffer> = []
    for await (const chunk of response) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    return { status: response.statusCode, headers: response.headers, text, json: parsed(text) }
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    callers,
    records,
    observed,
    router,
    /** Backends are taken for what they are on the log: well. */
    forget: () => {
      const probe = { kind: "ok", detail: "", keyVersion: "0-1", sentAt: Date.now(), millis: 1 } as const
      for (const { id } of backends) router.probed(id, probe)
    },
    send,
    ask,
    chat: (more: object = {}, asking?: Asking) =>
      ask(
        "/v1/chat/completions",
        { model: MODEL, messages: [{ role: "user", content: "Hi" }], ...more },
        asking,
      ),
    /** Resolves when the next request has the beginning of its answer. */
    begun: async () => {
      const [, response] = (await once(server, "request")) as [unknown, ServerResponse]
      while (!response.headersSent) await setImmediate()
    },
    /** Resolves with the record of this number, counted from 1, once it is there. */
    record: (number = 1): Promise<UsageRecord> =>
      new Promise((resolve) => {
        const look = () => {
          const record = records[number - 1]
          if (record === undefined) return
          heard.delete(look)
          resolve(record)
        }
        heard.add(look)
        look()
      }),
  }
}

/** A provider that goes away with the test. */
export const upstreamForTest = async () => {
  const upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  return upstream
}

/** A gateway in front of one provider. */
export const openOne = async (
  more: Partial<KnownBackend> = {},
  parts: Parameters<typeof openGateway>[1] = {},
  base = "/v1",
) => {
  const upstream = await upstreamForTest()
  const gateway = await openGateway([backendAt(`http://${upstream.host}${base}`, more)], parts)
  return { upstream, gateway }
}

/** A gateway in front of two providers, of which the first is asked first. */
export const openTwo = async (
  parts: Parameters<typeof openGateway>[1] = {},
  more: Partial<KnownBackend> = {},
) => {
  const [first, second] = [await upstreamForTest(), await upstreamForTest()]
  const backends = [backendAt(first.url, more), backendAt(second.url, { ...more, pool: "fallback" })]
  const gateway = await openGateway(backends, parts)
  return { first, second, gateway, backends }
}

/** The data of a stream's events; JSON where it is JSON. */
export const eventsIn = (text: string): ReadonlyArray<Body> =>
  text
    .split(/\r?\n\r?\n/)
    .filter((event) => event.includes("data:"))
    .map((event) => {
      const data = event
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trim())
        .join("\n")
      return parsed(data)
    })
