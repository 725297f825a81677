import { Effect } from "effect"
import type { Dispatcher } from "../commands/dispatch.ts"
import { Limits } from "../commands/Limits.ts"
import { Settings } from "../config.ts"
import { Digest } from "../domain/Digest.ts"
import { Projected } from "../projections/Projected.ts"
import { actorOf, type Asked } from "./Asked.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { tooLarge } from "./fitting.ts"
import type { Done } from "./Operation.ts"
import type { AnyCommand } from "./operations.ts"

type Input = Readonly<Record<string, unknown>>

/** The answer to an accepted command, for a door to write in its own way. */
export interface CarriedOut {
  readonly seq: number
  readonly body: object | undefined
  /** The body as JSON; empty without one. */
  readonly text: string
  /** The version of what the body shows. */
  readonly version: number | undefined
  /** Reads show it. */
  readonly isProjected: boolean
}

/** The services that carrying out needs beside the operation's own. */
export type CarryingOut = Digest | Dispatcher | Limits | Projected | Settings

/** Bytes of a record beside its events and the newest state, roughly. */
const OVERHEAD = 512

/** The version that `If-Match` asks for; of several, the one that is true now. */
const wanted = <Requirements>({ of }: AnyCommand<Requirements>, input: Input, { ifMatch }: Asked) => {
  if (of === undefined || ifMatch === undefined) return Effect.undefined
  return ifMatch.length < 2 ? Effect.succeed(ifMatch[0]) : of.current(ifMatch, input)
}

const isReadable = Effect.fnUntraced(function* <Requirements>(
  row: AnyCommand<Requirements>,
  input: Input,
  outcome: Done,
  { isAsync }: Asked,
) {
  const { readWait } = yield* Settings
  if (row.isInMemory === true && row.known !== undefined) {
    return yield* row
      .known(outcome, input)
      .pipe(
        Effect.as(true),
        Effect.timeoutOrElse({ duration: isAsync ? 0 : readWait, orElse: () => Effect.succeed(false) }),
      )
  }
  if (row.known !== undefined) yield* row.known(outcome, input)
  const projected = yield* Projected
  const isThere = (yield* projected.current) >= outcome.seq
  return isThere || isAsync ? isThere : yield* projected.reached(outcome.seq, readWait)
})

/**
 * Carries a command out for any door: rights, fingerprint, version, the command service, the member's account; then
 * waits until reads show it, for as long as readers are given (architecture.md section 6).
 */
export const carryOut = Effect.fnUntraced(function* <Requirements>(
  row: AnyCommand<Requirements>,
  sent: Input,
  asked: Asked,
) {
  const { claim, correlation, key, member, olderFingerprint, source } = asked
  const actor = actorOf(member)
  const refusal = row.may.refusal(sent, actor) ?? tooLarge(sent, asked.bytes)
  if (refusal !== undefined) return yield* refusal
  const input = row.may.fill === undefined ? sent : { ...sent, ...row.may.fill(sent, actor) }
  const digest = yield* Digest
  const envelope = {
    actor,
    commandId: key === undefined ? `:${digest.uuid()}` : `${member.slug}:${key}`,
    fingerprint: key === undefined ? "" : fingerprintOf(digest, row.name, input),
    olderFingerprints: () => [olderFingerprint()],
    correlation,
    causation: null,
    ifMatch: yield* wanted(row, input, asked),
  }
  const outcome = yield* row.give(input, { member, actor, claim, envelope, source })
  const body = row.tell?.(outcome)
  const text = body === undefined ? "" : JSON.stringify(body)
  if (outcome.recorded) {
    yield* Limits.use((limits) => limits.stored(member.id, asked.bytes + text.length + OVERHEAD))
  }
  const isProjected = yield* isReadable(row, input, outcome, asked)
  const version = row.isVersioned === true ? outcome.seq : undefined
  return { seq: outcome.seq, body, text, version, isProjected } satisfies CarriedOut
})
