import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import { spawned } from "../cli/crewlog.ts"
import { type Asked, askAt, type Doors, type Told } from "../fixtures/doors.ts"
import {
  type Exchanged,
  exchangesIn,
  FIXTURE_ADMIN_TOKEN,
  FIXTURE_KEY,
  tokensIn,
} from "../fixtures/Fixture.ts"
import { PROVIDER } from "../fixtures/story.ts"
import { agentsPlace } from "../support/agents.ts"
import { type RunningNode, startNode } from "../support/node.ts"
import { Rest } from "../support/rest.ts"

const FOLDER = "test/fixtures/log-0.1.0"
const exchanges = exchangesIn(FOLDER)
const tokens = tokensIn(exchanges)

/** A node on servers that the log of Crewlog 0.1.0 was imported into. */
class OldLog extends Context.Service<
  OldLog,
  {
    readonly node: RunningNode
    readonly doors: Doors
    /** For the command line. */
    readonly env: Readonly<Record<string, string>>
    /** The last position of the fixture. */
    readonly last: number
  }
>()("test/e2e/OldLog") {
  static readonly layer = Layer.effect(
    OldLog,
    Effect.gen(function* () {
      const { env: issuer, place } = yield* agentsPlace
      const env = {
        NATS_URL: Redacted.value(place.nats.url),
        DATABASE_URL: place.databaseUrl,
        CREWLOG_ENCRYPTION_KEY: FIXTURE_KEY,
        ...issuer,
      }
      yield* prepareStreams(Redacted.value(place.nats.setup))
      const { code, err, out } = yield* spawned(["log", "import", FOLDER, "--json"], env)
      if (code !== 0) throw new Error(err)
      const node = yield* startNode(place, {
        env: {
          ...env,
          CREWLOG_ADMIN_TOKEN: FIXTURE_ADMIN_TOKEN,
          CREWLOG_PRIVATE_UPSTREAMS: PROVIDER,
          CREWLOG_HEALTH_INTERVAL: "1 day",
        },
      })
      const agents = Redacted.value(place.nats.backend).url
      return OldLog.of({
        node,
        doors: { http: node.url, gateway: node.gateway, agents },
        env,
        last: (JSON.parse(out) as { readonly records: number }).records,
      })
    }).pipe(Effect.orDie),
  )
}

const ask = (asked: Asked) =>
  Effect.flatMap(OldLog, ({ doors }) => Effect.promise(() => askAt(doors, asked, tokens.get(asked.by) ?? "")))

const titleOf = ({ by, door, to }: Asked) => `${by} over ${door}: ${to}`

const COLLECTIONS = /\/(projects|tasks|steps|members|backends|config|allowances)\/[^/]+/g

/** The route or command of a request, whatever it is about. */
const routeOf = ({ door, to }: Asked) =>
  door === "nats"
    ? to.split(".").slice(3).join(".")
    : to.replace(/\/?(\?.*)?$/, "").replaceAll(COLLECTIONS, "/$1/:id")

/** Signs of life are no records: the position in their answer is where reads are. */
const comparable = (told: Told, first: Told): Told => (first.seq === null ? { ...told, seq: null } : told)

/** Six at a time; of one member and aggregate in any order, as clients repeat them. */
const each = (
  all: ReadonlyArray<Exchanged>,
  check: (exchange: Exchanged) => Effect.Effect<void, never, OldLog>,
) => Effect.forEach(all, check, { concurrency: 6, discard: true })

const inLog = Effect.fnUntraced(function* () {
  const { last, node } = yield* OldLog
  const { body } = yield* new Rest(node.url, FIXTURE_ADMIN_TOKEN).get(`/log?after=${last}&limit=200`)
  return body as ReadonlyArray<{ readonly command: string; readonly aggregate: string }>
})

layer(OldLog.layer, { excludeTestServices: true, timeout: 60_000 })("the log of Crewlog 0.1.0", (it) => {
  it.effect(
    "the log of Crewlog 0.1.0 holds every mutation of REST and of the gateway, every command on NATS, and what sockets say",
    () =>
      Effect.sync(() => {
        const named = Map.groupBy(exchanges, ({ asked: { door } }) => door)
        const count = (door: Asked["door"]) =>
          new Set(named.get(door)?.map(({ asked }) => routeOf(asked))).size
        const counts = {
          rest: count("rest"),
          gateway: count("gateway"),
          nats: count("nats"),
          ws: count("ws"),
        }
        assert.deepStrictEqual(counts, { rest: 17, gateway: 10, nats: 18, ws: 1 })
      }),
  )

  it.effect(
    "the log of Crewlog 0.1.0 answers every request that was sent while it was written as it did then, and records nothing",
    () =>
      Effect.gen(function* () {
        yield* each(exchanges, ({ asked, told }) =>
          Effect.map(ask(asked), (again) =>
            assert.deepStrictEqual(comparable(again, told), told, titleOf(asked)),
          ),
        )
        const added = yield* inLog()
        assert.deepStrictEqual(
          added.filter(({ command }) => !command.startsWith(":")),
          [],
        )
      }),
    60_000,
  )

  it.effect(
    "the log of Crewlog 0.1.0 refuses every other request under a key that was used",
    () =>
      Effect.gen(function* () {
        const others = exchanges.flatMap(({ other, ...exchange }) =>
          other === undefined ? [] : [{ ...exchange, asked: { ...exchange.asked, body: other } }],
        )
        assert.isAtLeast(others.length, 70)
        yield* each(others, ({ asked }) =>
          Effect.map(ask(asked), ({ refused, status }) => {
            assert.strictEqual(refused, "idempotency_key_reused", titleOf(asked))
            if (asked.door !== "ws") assert.strictEqual(status, 422, titleOf(asked))
          }),
        )
      }),
    60_000,
  )

  it.effect(
    "the log of Crewlog 0.1.0 is sound, and the tables that are made of it anew are those that are there",
    () =>
      Effect.gen(function* () {
        const { env, last } = yield* OldLog
        const verified = yield* spawned(["verify", "--json"], env)
        const { ok, problems, records } = JSON.parse(verified.out)
        assert.deepStrictEqual({ code: verified.code, ok, problems }, { code: 0, ok: true, problems: [] })
        assert.isAtLeast(records, last)
        const rebuilt = yield* spawned(["rebuild", "--json"], env)
        const { incomparable, tables } = JSON.parse(rebuilt.out)
        assert.deepStrictEqual({ code: rebuilt.code, incomparable }, { code: 0, incomparable: null })
        assert.isNotEmpty(tables)
      }),
    60_000,
  )
})
