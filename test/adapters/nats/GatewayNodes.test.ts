import { assert, describe, it } from "@effect/vitest"
import { connect } from "@nats-io/transport-node"
import { Context, Duration, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { GatewayNodes } from "../../../src/gateway/routing/GatewayNodes.ts"
import { Nats, type NatsTarget } from "../../../src/adapters/nats/Connection.ts"
import { layer } from "../../../src/adapters/nats/GatewayNodes.ts"
import { AgentCrew, agentOn, until } from "../../support/agents.ts"
import { freshNats, startNats } from "../../support/servers.ts"

const SUBJECT = "crew.gateway.nodes"

/** A node's part, and a way to end it before the others. */
const nodeOn = Effect.fnUntraced(function* (target: NatsTarget) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(layer.pipe(Layer.provideMerge(Nats.layer(target))), scope)
  return {
    nodes: Context.get(context, GatewayNodes),
    connection: Context.get(context, Nats).connection,
    isUp: Context.get(context, Nats).isUp,
    end: Scope.close(scope, Exit.void),
  }
})

const counts = (nodes: ReadonlyArray<{ readonly nodes: GatewayNodes["Service"] }>) =>
  nodes.map(({ nodes }) => nodes.count()).join()

const firsts = (nodes: ReadonlyArray<{ readonly nodes: GatewayNodes["Service"] }>) =>
  nodes.filter(({ nodes }) => nodes.isFirst()).length

describe("gateway nodes", () => {
  it.live("gateway nodes know of each other at once, and of one that goes", () =>
    Effect.gen(function* () {
      const target = Redacted.value((yield* freshNats).backend)
      const first = yield* nodeOn(target)
      yield* first.nodes.settled
      assert.deepStrictEqual([first.nodes.count(), first.nodes.isFirst()], [1, true])
      const second = yield* nodeOn(target)
      const [took] = yield* Effect.timed(until("two", () => counts([first, second]) === "2,2"))
      // Not only when they speak anyway.
      assert.isBelow(Duration.toMillis(took), 900)
      const heard: Array<number> = []
      const undo = first.nodes.onChange(() => heard.push(first.nodes.count()))
      const third = yield* nodeOn(target)
      const all = [first, second, third]
      yield* third.nodes.settled
      assert.strictEqual(counts(all), "3,3,3")
      assert.strictEqual(firsts(all), 1)
      yield* second.end
      const [left] = yield* Effect.timed(until("two again", () => counts([first, third]) === "2,2"))
      assert.isBelow(Duration.toMillis(left), 900)
      assert.strictEqual(firsts([first, third]), 1)
      assert.deepStrictEqual(heard, [3, 2])
      undo()
      yield* third.end
      yield* until("alone", () => first.nodes.count() === 1)
      assert.deepStrictEqual(heard, [3, 2])
    }),
  )

  it.live(
    "gateway nodes give up one that dies without a word, and mind nothing that is no word of a node",
    () =>
      Effect.gen(function* () {
        const target = Redacted.value((yield* freshNats).backend)
        const [first, second] = [yield* nodeOn(target), yield* nodeOn(target)]
        yield* until("two", () => counts([first, second]) === "2,2")
        const stranger = yield* Effect.acquireRelease(
          Effect.promise(() => connect({ servers: target.url, user: target.user!, pass: target.pass! })),
          (connection) => Effect.promise(() => connection.close()),
        )
        for (const text of ["", "nonsense", "{}", `{"id":"x","at":"now","says":"here"}`]) {
          stranger.publish(SUBJECT, text)
        }
        yield* Effect.promise(() => stranger.flush())
        yield* Effect.promise(() => second.connection.close())
        const [took] = yield* Effect.timed(until("alone", () => first.nodes.count() === 1))
        assert.isAbove(Duration.toMillis(took), 2_000)
      }),
  )

  it.live("gateway nodes keep to their shares while NATS is away", () =>
    Effect.gen(function* () {
      const nats = yield* startNats()
      const target = Redacted.value(nats.access.backend)
      // Time of its own: nobody is to wait for it.
      const time = yield* Layer.build(TestClock.layer())
      const seconds = (count: number) =>
        TestClock.adjust("1 second").pipe(Effect.repeat({ times: count - 1 }), Effect.provideContext(time))
      const both = [
        yield* Effect.provideContext(nodeOn(target), time),
        yield* Effect.provideContext(nodeOn(target), time),
      ]
      yield* until("two", () => counts(both) === "2,2")
      yield* nats.stop
      yield* until("no link", () => both.every(({ isUp }) => !isUp()))
      yield* seconds(60)
      assert.strictEqual(counts(both), "2,2")
      yield* nats.start
      yield* until("a link", () => both.every(({ isUp }) => isUp()))
      yield* seconds(3)
      assert.strictEqual(counts(both), "2,2")
    }),
  )

  it.live("gateway nodes are not what an agent says it is, and no agent hears of them", () =>
    Effect.gen(function* () {
      const { access, tokens } = yield* AgentCrew
      const node = yield* nodeOn(Redacted.value(access.backend))
      // The crew's own node serves the gateway, too.
      yield* until("two", () => node.nodes.count() === 2)
      const al = yield* agentOn(access, "al", tokens.al)
      const errors: Array<string> = []
      const heard: Array<string> = []
      const listen = async () => {
        for await (const status of al.status()) if (status.type === "error") errors.push(String(status.error))
      }
      void listen()
      al.subscribe(SUBJECT, {
        callback: (error, message) => void heard.push(error?.message ?? message.string()),
      })
      al.subscribe(">", { callback: (error, message) => void heard.push(error?.message ?? message.string()) })
      al.publish(
        SUBJECT,
        `{"id":"00000000-0000-4000-8000-000000000000","at":"2026-03-01T10:00:00.000Z","says":"here"}`,
      )
      yield* Effect.promise(() => al.flush())
      const isRefused = /permissions violation for publish/i
      yield* until("refusals", () => errors.some((text) => isRefused.test(text)) && heard.length > 1)
      for (const text of heard) assert.match(text, /permissions violation/i)
      assert.strictEqual(node.nodes.count(), 2)
    }).pipe(Effect.provide(AgentCrew.layer)),
  )
})
