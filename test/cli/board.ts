import { type JetStreamClient } from "@nats-io/jetstream"
import { Effect, Layer, Redacted, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { Nats } from "../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../src/adapters/nats/EventLog.ts"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { rebuild } from "../../src/adapters/postgres/rebuild.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Chat, ChatCommand } from "../../src/domain/Chat.ts"
import type { Recorded } from "../../src/domain/CommitRecord.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { isRecorded } from "../../src/domain/Line.ts"
import { Member, MemberCommand } from "../../src/domain/Member.ts"
import { ada, createTask, envelope, FreeTask, FreshDispatcher, reject, take } from "../support/commands.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"

const { PostMessage } = ChatCommand.cases
const { RegisterMember } = MemberCommand.cases

export const NASTY = "\u001b[2Jgo\u202Eaway\u0007"

/** A task with four records, its comments, another task, and a member: eight records of four types. */
export const board = Effect.gen(function* () {
  const log = yield* EventLog
  const { dispatch } = yield* Effect.provide(Dispatcher, FreshDispatcher)
  const [id, other, member] = [randomUUID(), randomUUID(), randomUUID()]
  yield* dispatch(
    Member,
    member,
    RegisterMember.make({
      id: member,
      name: "Ada",
      slug: "ada",
      type: "human",
      role: "admin",
      capabilities: ["code"],
      chat_listen: "all",
      task_listen: "all",
      prompt: null,
      model: null,
      token_hash: "0".repeat(64),
    }),
    envelope("ada:member"),
  )
  yield* dispatch(FreeTask, id, createTask(id, NASTY), envelope("ada:create"))
  yield* dispatch(FreeTask, id, take("bob"), envelope("bob:take", { causation: 2 }))
  yield* dispatch(FreeTask, id, reject("bob", randomUUID()), envelope("bob:reject", { causation: 3 }))
  yield* dispatch(FreeTask, id, take("eve"), envelope("eve:take"))
  yield* dispatch(FreeTask, other, createTask(other), envelope("ada:other"))
  for (const content of ["hello", NASTY]) {
    const message = PostMessage.make({
      project_id: randomUUID(),
      task_id: id,
      message_id: randomUUID(),
      parent_id: null,
      author: { slug: ada.slug, name: ada.name, type: "human" },
      content,
      mentions: ["bob"],
    })
    yield* dispatch(Chat, id, message, envelope(`ada:${content.length}`))
  }
  const lines = yield* log.follow(0).pipe(Stream.filter(isRecorded), Stream.take(8), Stream.runCollect)
  return { lines, id, key: `task.${id}`, other }
}).pipe(Effect.provide([MemoryLog, DigestLayer]), Effect.orDie)

export const changed = (lines: ReadonlyArray<Recorded>, seq: number, over: Partial<Recorded["record"]>) =>
  lines.map((line) => (line.seq === seq ? { ...line, record: { ...line.record, ...over } } : line))

/** Publishes a record straight to the stream, whatever is in it. */
export const publish = (js: JetStreamClient, { record, subject }: Pick<Recorded, "record" | "subject">) =>
  Effect.promise(() => js.publish(`crew.evt.${subject.type}.${subject.id}`, JSON.stringify(record)))

/** These lines on a NATS of their own, with an empty database beside it. */
export const deployed = Effect.fnUntraced(function* (
  lines: ReadonlyArray<Recorded>,
  prepare: (access: Effect.Success<typeof freshNats>) => Effect.Effect<void> = (access) =>
    Effect.orDie(prepareStreams(Redacted.value(access.setup))),
) {
  const access = yield* freshNats
  yield* prepare(access)
  const url = yield* freshDatabase
  const nats = Nats.layer(Redacted.value(access.backend))
  const { js } = yield* Layer.build(nats).pipe(
    Effect.map((context) => context.mapUnsafe.get(Nats.key) as Nats["Service"]),
    Effect.orDie,
  )
  yield* Effect.forEach(lines, (line) => publish(js, line))
  const place = { url: Redacted.make(url), schema: "crewlog" }
  return {
    access,
    js,
    url,
    env: { NATS_URL: Redacted.value(access.url), DATABASE_URL: url, CREWLOG_ENCRYPTION_KEY: "0".repeat(64) },
    /** Makes the rows of what is on the log. */
    projected: Effect.scoped(rebuild(place)).pipe(
      Effect.provide(NatsEventLog.pipe(Layer.provide(nats))),
      Effect.orDie,
      Effect.asVoid,
    ),
  }
})
export type Deployed = Effect.Success<ReturnType<typeof deployed>>
