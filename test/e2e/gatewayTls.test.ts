import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { InternalServerError } from "openai"
import { crewlog } from "../cli/crewlog.ts"
import { makeCrew } from "../support/crew.ts"
import { authority, elsewhere, here, untrusted } from "../support/certificates.ts"
import {
  freshPlace,
  MODEL,
  NATIVE,
  openAi,
  operatorOf,
  PROVIDER_KEY,
  register,
  startGateway,
  startSecureProvider,
  watchUsage,
} from "../support/gateway.ts"
import type { NodeServers, RunningNode } from "../support/node.ts"
import { temporaryFolder } from "../support/servers.ts"
import type { Upstream } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]
const chat = { model: MODEL, messages }

/** A backend that no probe comes to. */
const registerUnreached = Effect.fnUntraced(function* (node: RunningNode, { url }: Upstream) {
  const { body, status } = yield* operatorOf(node).post("/backends", {
    name: url,
    api_base_url: url,
    api_key: PROVIDER_KEY,
    model_mappings: { [MODEL]: { native_id: NATIVE } },
  })
  assert.strictEqual(status, 201)
  return body.id as string
})

interface Step {
  readonly events: ReadonlyArray<{ readonly _tag: string; readonly reason?: string }>
}

/** The reason why a backend is not well, as the log tells it. */
const reasonsOf = Effect.fnUntraced(function* (id: string, { databaseUrl, nats }: NodeServers) {
  const env = { NATS_URL: Redacted.value(nats.url), DATABASE_URL: databaseUrl }
  const args = ["log", "history", `backend.${id}`, "--json", "--data", yield* temporaryFolder]
  const { code, err, out } = yield* crewlog(args, env)
  assert.strictEqual(code, 0, err)
  const events = (JSON.parse(out) as ReadonlyArray<Step>).flatMap(({ events }) => events)
  return events.flatMap(({ _tag, reason = "" }) => (_tag === "HealthChanged" ? [reason] : []))
})

describe("a provider that is asked over https", () => {
  it.live(
    "a provider that is asked over https serves by an own authority's certificate; others that show none for them are passed over, unasked",
    () =>
      Effect.gen(function* () {
        const place = yield* freshPlace
        const refused = yield* Effect.forEach([untrusted, elsewhere], startSecureProvider)
        const trusted = yield* startSecureProvider(here)
        const node = yield* startGateway(place, [...refused, trusted], {
          env: { NODE_EXTRA_CA_CERTS: authority },
        })
        const { tokens } = yield* makeCrew(node, ["ada"])
        const metered = yield* watchUsage(place)
        const { id } = yield* register(node, trusted, { pool: "fallback" })
        const ids = yield* Effect.forEach(refused, (provider) => registerUnreached(node, provider))

        yield* Effect.promise(async () => {
          const client = openAi(node, tokens[0]!)
          const whole = await client.chat.completions.create(chat).withResponse()
          assert.strictEqual(whole.data.choices[0]?.message.content, "Hello there")
          let text = ""
          for await (const { choices } of await client.chat.completions.create({ ...chat, stream: true })) {
            text += choices[0]?.delta.content ?? ""
          }
          assert.strictEqual(text, "Hello there")
          const record = await metered.of(whole.request_id)
          assert.include(record, { outcome: "ok", backend: id, lane: "fallback" })
          const error = "certificate_refused"
          assert.sameDeepMembers(
            [...record.failures],
            ids.map((backend) => ({ backend, lane: "primary", error })),
          )
        })
        for (const id of ids) {
          const reasons = yield* eventually(reasonsOf(id, place), ({ length }) => length > 0)
          assert.match(reasons[0] ?? "", /certificate_refused/)
        }
        assert.strictEqual((yield* operatorOf(node).get(`/backends/${id}`)).body.health, "healthy")
        // No request came so far, and no key.
        for (const { connections, received } of refused) {
          assert.isAbove(connections(), 0)
          assert.lengthOf(received, 0)
        }
      }).pipe(Effect.scoped),
    60_000,
  )

  it.live(
    "a provider that is asked over https is not asked while nobody has said that its authority is to be trusted",
    () =>
      Effect.gen(function* () {
        const place = yield* freshPlace
        const provider = yield* startSecureProvider(here)
        const node = yield* startGateway(place, [provider], { env: { CREWLOG_QUEUE_WAIT: "100 millis" } })
        const { tokens } = yield* makeCrew(node, ["ada"])
        const metered = yield* watchUsage(place)
        const backend = yield* registerUnreached(node, provider)
        const error = yield* Effect.promise(() =>
          openAi(node, tokens[0]!)
            .chat.completions.create(chat)
            .catch((error: unknown) => error),
        )
        assert.instanceOf(error, InternalServerError)
        assert.deepInclude({ ...error }, { status: 503, type: "AllPoolsExhausted" })
        const record = yield* Effect.promise(() => metered.of(error.requestID))
        assert.deepInclude(record.failures[0], { backend, error: "certificate_refused" })
        assert.lengthOf(provider.received, 0)
      }).pipe(Effect.scoped),
    60_000,
  )
})
