import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"
import { type Frame, Socket } from "../support/Socket.ts"

const MESSAGES = 2_000
const CUTS = 20

describe("a connection that is cut", () => {
  it.live(
    "20 times while 2,000 messages flow: every frame that its filters allow, once, in order",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const node = yield* startNode(place, { env: { CREWLOG_RATE_LIMIT: "100000" } })
        const { admin, project, tokens } = yield* makeCrew(node, ["listener"], { chat_listen: "mentions" })
        const seen: Array<Frame> = []

        const joined = Promise.withResolvers<void>()

        const listen = async () => {
          let auth: object = { token: tokens[0], projects: [project.id] }
          for (let cuts = 0; ; cuts++) {
            const socket = new Socket(node.url, auth)
            const { data } = await socket.frame("auth.ok")
            joined.resolve()
            // Of what is left, so that a burst in one leaves something for every other.
            const quota = seen.length + (MESSAGES / 2 - seen.length) / (CUTS + 1 - cuts)
            const own = () => socket.frames.filter(({ type }) => type === "message.new")
            await socket.until("its share", () => seen.length + own().length >= quota)
            socket.cut()
            seen.push(...own())
            if (cuts === CUTS) return
            auth = { token: tokens[0], projects: [project.id], resume: seen.at(-1)?.seq, epoch: data.epoch }
          }
        }
        const listening = listen()
        // What was said before it first came is not the listener's to hear.
        yield* Effect.promise(() => joined.promise)

        // Every second message mentions the listener; the others must not reach it.
        const sent = yield* Effect.forEach(
          Array.from({ length: MESSAGES }, (_, n) => n),
          (n) =>
            admin.post(
              "/messages",
              {
                chat_id: project.chat_id,
                content: `message ${n}`,
                mentions: n % 2 === 0 ? ["listener"] : [],
              },
              { prefer: "respond-async" },
            ),
          { concurrency: 8 },
        )
        for (const { status } of sent) assert.strictEqual(status, 201)
        yield* Effect.promise(() => listening)

        const wanted = sent
          .filter((_, n) => n % 2 === 0)
          .map(({ body, seq }) => ({ seq, id: String(body.id) }))
          .toSorted((a, b) => a.seq - b.seq)
        assert.deepStrictEqual(
          seen.map(({ data, seq }) => ({ seq, id: String(data.id) })),
          wanted,
        )
      }).pipe(Effect.scoped),
    120_000,
  )
})
