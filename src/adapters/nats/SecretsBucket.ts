import { jetstream, JetStreamApiError } from "@nats-io/jetstream"
import { type KV, type KvEntry, Kvm } from "@nats-io/kv"
import { Effect } from "effect"
import { KeyVaultUnavailable } from "../../commands/KeyVault.ts"
import type { Bucket, Revision } from "../sealedVault.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { SECRETS_BUCKET, SECRETS_STREAM } from "./streams.ts"

/** Milliseconds in which a server that is there answers. */
const ANSWER_WITHIN = 1_500
/** The longest time that a caller waits, over all tries. */
const WITHIN = "6 seconds"
const WRONG_LAST_SEQUENCE = 10071

/** The KV bucket of sealed keys. Reads are the leader's: a follower may not have heard of a key that was just put. */
export const secretsBucket = Effect.gen(function* () {
  const nats = yield* Nats
  const js = jetstream(nats.connection, { timeout: ANSWER_WITHIN })
  const kv = yield* Effect.promise(() => new Kvm(js).open(SECRETS_BUCKET, { allow_direct: false }))

  /** Tries that fail are repeated, so they must do no harm. */
  const ask = <Value>(run: () => Promise<Value>) =>
    asker(nats)(run).pipe(
      Effect.mapError(({ reason }) => new KeyVaultUnavailable({ reason })),
      Effect.timeoutOrElse({
        duration: WITHIN,
        orElse: () => Effect.fail(new KeyVaultUnavailable({ reason: `no answer within ${WITHIN}` })),
      }),
    )

  const bucket: Bucket = {
    newest: (name) =>
      Effect.map(
        ask(() => kv.get(name)),
        (entry) => (entry === null ? undefined : revisionOf(entry)),
      ),
    store: (name, text, after) =>
      ask(() =>
        kv.put(name, text, after === undefined ? {} : { previousSeq: after }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return false
            throw error
          },
        ),
      ),
    revisions: (backend) => ask(() => revisions(kv, backend === undefined ? ">" : `${backend}.*`)),
    // Deleting by KV leaves the text on the disk: only this overwrites it.
    erase: (revision) =>
      ask(async () => {
        try {
          await nats.jsm.streams.deleteMessage(SECRETS_STREAM, revision, true)
        } catch (error) {
          if ((await nats.jsm.streams.getMessage(SECRETS_STREAM, { seq: revision })) !== null) throw error
        }
      }),
  }
  return bucket
})

const revisionOf = (entry: KvEntry): Revision => ({
  name: entry.key,
  revision: entry.revision,
  text: entry.operation === "PUT" ? entry.string() : undefined,
  storedAt: entry.created.getTime(),
})

const revisions = async (kv: KV, names: string): Promise<ReadonlyArray<Revision>> => {
  const all: Array<Revision> = []
  for await (const entry of await kv.history({ key: names })) all.push(revisionOf(entry))
  return all
}
