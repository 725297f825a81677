import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { headers } from "@nats-io/nats-core"
import { connect } from "@nats-io/transport-node"
import { Effect, Redacted } from "effect"
import { createHash, randomUUID } from "node:crypto"
import type { NatsAccess } from "../../src/adapters/runtime/EmbeddedNats.ts"
import { chained, type CommitRecord } from "../../src/domain/CommitRecord.ts"

type Events = CommitRecord["events"]

/** The log of a server without this program between: as a newer one writes to it, or somebody else. */
export const rawLog = Effect.fnUntraced(function* (access: NatsAccess) {
  const { pass = "", url, user = "" } = Redacted.value(access.setup)
  const connection = yield* Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url, user, pass })),
    (open) => Effect.promise(() => open.close()),
  )
  const js = jetstream(connection)
  const jsm = yield* Effect.promise(() => jetstreamManager(connection))

  const newest = (subject: string) =>
    jsm.streams.getMessage("CREW", { last_by_subj: `crew.evt.${subject}` }).catch(() => null)

  const append = async (subject: string, events: Events) => {
    const last = await newest(subject)
    const before = last?.json<CommitRecord>()
    const open = {
      command: `:${randomUUID()}`,
      fingerprint: "",
      at: new Date().toISOString(),
      actor: "ada",
      correlation: "test",
      causation: null,
      prev: last?.seq ?? 0,
      events,
    }
    const hash = createHash("sha256")
      .update(chained(before?.hash ?? "", open))
      .digest("hex")
    const head = headers()
    head.set("Nats-Msg-Id", `${subject}:${open.command}`)
    head.set("Crew-Actor", open.actor)
    head.set("Crew-Command", open.command)
    head.set("Crew-Types", events.map(({ _tag }) => _tag).join(","))
    const message = JSON.stringify({ ...open, hash })
    return (await js.publish(`crew.evt.${subject}`, message, { headers: head })).seq
  }

  return {
    /** A record on `<type>.<id>`, with headers and a chain as every program of ours makes them. */
    append: (subject: string, events: Events) => Effect.promise(() => append(subject, events)),
    /** A message of any content on any subject. */
    publish: (
      subject: string,
      data: string | Uint8Array,
      named: Readonly<Record<string, string>> = {},
    ): Effect.Effect<number> =>
      Effect.promise(async () => {
        const head = headers()
        for (const [name, value] of Object.entries(named)) head.set(name, value)
        return (await js.publish(subject, data, { headers: head })).seq
      }),
    /** The record at a position as it is stored. */
    record: (seq: number) =>
      Effect.promise(async () => (await jsm.streams.getMessage("CREW", { seq }))?.json<CommitRecord>()),
  }
})
