import { Cause, Effect, type Exit, Option } from "effect"
import type { Random } from "../../../chaos/Random.ts"
import { isSame } from "../../../src/cli/verify/canonical.ts"
import type { Envelope } from "../../../src/commands/Envelope.ts"
import type { Outcome } from "../../../src/commands/Outcome.ts"
import type { Actor } from "../../../src/domain/Actor.ts"
import type { Digest } from "../../../src/domain/Digest.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import { anotherOf, type Board, fenced, nextWish, type Wish } from "./wishes.ts"

type Answered = Outcome<unknown, unknown>
type Refusal = { readonly _tag: string }

/** The end of a command, as far as its client knows it. `open`: it may have taken effect, or still may. */
export type Told =
  | { readonly kind: "accepted"; readonly outcome: Answered }
  /** `wasOpen`: an earlier try may still be on its way, and what was refused now was not then. */
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly wasOpen: boolean }
  | { readonly kind: "open" }
  | { readonly kind: "not done" }

/** A command as its client saw it, from its first try to the last answer. */
export interface Call {
  readonly by: Actor
  readonly wish: Wish
  readonly envelope: Envelope
  readonly start: number
  readonly end: number
  readonly told: Told
}

/** The scene that all clients share: the nodes, the order of things, and what came of it. */
export interface Scene {
  readonly nodes: Array<SimulatedNode>
  readonly restart: (index: number) => Effect.Effect<void>
  readonly board: Board
  readonly calls: Array<Call>
  readonly findings: Array<string>
  readonly digest: Digest["Service"]
  readonly moment: () => number
  readonly tally: { commands: number; repeats: number; unchanged: number; open: number }
}

const PATIENT = 60
/** Tasks that wait for each other are few, so that they meet. */
const PLANNED = 30
/** The refusals that are told with 503: repeated until something else is said. */
const TEMPORARY: ReadonlySet<string> = new Set([
  "LogUnavailable",
  "Contended",
  "ReadModelUnavailable",
  "KeyVaultUnavailable",
])
const isOpen = (refusal: Refusal) => "unknown" in refusal && refusal.unknown === true

/** An answer of one node; undefined when the node died over it. */
type Said =
  | Told
  | { readonly kind: "temporary"; readonly isOpen: boolean }
  | { readonly kind: "defect"; readonly text: string }

const saidBy = (exit: Exit.Exit<Answered, Refusal> | undefined): Said => {
  if (exit === undefined) return { kind: "temporary", isOpen: true }
  if (exit._tag === "Success") return { kind: "accepted", outcome: exit.value }
  const refusal = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (refusal === undefined) return { kind: "defect", text: Cause.pretty(exit.cause) }
  return TEMPORARY.has(refusal._tag)
    ? { kind: "temporary", isOpen: isOpen(refusal) }
    : { kind: "refused", refusal, wasOpen: false }
}

/** The part of an answer that every repeat of it has to say again. */
const essence = ({ at, events, seq, state }: Answered) => ({ at, events, seq, state })
const told = (answer: Answered) => JSON.stringify(essence(answer)).slice(0, 300)

const envelopeOf = (digest: Digest["Service"], by: Actor, wish: Wish, key: string | undefined): Envelope => ({
  actor: by,
  commandId: key === undefined ? `:${digest.uuid()}` : `${by.slug}:${key}`,
  fingerprint: `o1:${digest.sha256(JSON.stringify([wish.name, wish.body])).slice(0, 16)}`,
  correlation: "simulation",
  causation: null,
})

/** Asks one node after the other until something definite is said, as long as the patience lasts. */
export const ask = Effect.fnUntraced(function* (
  { findings, nodes, restart }: Pick<Scene, "nodes" | "restart" | "findings">,
  random: Random,
  { wish, envelope }: Pick<Call, "wish" | "envelope">,
  patience = PATIENT,
): Effect.fn.Return<Told> {
  let mayBeThere = false
  for (let tries = 0; tries < patience; tries += 1) {
    const index = random.between(0, nodes.length - 1)
    const node = nodes[index]
    if (node === undefined || node.isDead()) {
      yield* restart(index)
      continue
    }
    const said = saidBy(yield* node.carryOut(wish.give(envelope)))
    if (said.kind === "defect") findings.push(`${wish.name} ended in a defect: ${said.text}`)
    if (said.kind === "defect") return { kind: "open" }
    if (said.kind === "refused") return { ...said, wasOpen: mayBeThere }
    if (said.kind !== "temporary") return said
    mayBeThere ||= said.isOpen
    yield* Effect.sleep(random.between(1, 8))
  }
  return mayBeThere ? { kind: "open" } : { kind: "not done" }
})

/** A member at work: wishes, repeats, keys that are used a second time for something else. */
export const work = Effect.fnUntraced(function* (scene: Scene, by: Actor, random: Random, commands: number) {
  const { board, calls, digest, findings, moment, tally } = scene
  const claims = new Map<string, number>()
  const isAdmin = by.role === "admin"

  const nextCall = () => {
    const held = [...claims]
    const wish =
      !isAdmin && held.length > 0 && random.chance(0.15)
        ? fenced(...random.pick(held), random)
        : nextWish(board, random, by.slug, isAdmin)
    return wish
  }

  const repeat = Effect.fnUntraced(function* (call: Call, outcome: Answered) {
    const isOther = random.chance(0.25)
    const wish = isOther ? anotherOf(board, random, call.wish) : call.wish
    const envelope = isOther ? { ...call.envelope, fingerprint: "o1:another" } : call.envelope
    const again = yield* ask(scene, random, { wish, envelope })
    if (again.kind === "open" || again.kind === "not done") return
    tally.repeats += 1
    const wrong = wrongRepeat(outcome, again, isOther)
    if (wrong !== undefined) findings.push(`${call.wish.name} of ${call.envelope.commandId}: ${wrong}`)
  })

  for (let number = 0; number < commands; number += 1) {
    const wish = nextCall()
    const isKeyed = random.chance(0.85)
    const envelope = envelopeOf(digest, by, wish, isKeyed ? `k${number}-${random.word(6)}` : undefined)
    const start = moment()
    // Nobody repeats a command without a key; some clients die with their question open.
    const patience = !isKeyed || random.chance(0.03) ? 1 : PATIENT
    const told = yield* ask(scene, random, { wish, envelope }, patience)
    const call = { by, wish, envelope, start, end: moment(), told }
    calls.push(call)
    tally.commands += 1
    if (told.kind === "open") tally.open += 1
    if (told.kind === "accepted") {
      learn(board, claims, call, told.outcome)
      if (told.outcome.events.length === 0) tally.unchanged += 1
      if (isKeyed && random.chance(0.15)) yield* repeat(call, told.outcome)
    }
    yield* Effect.sleep(random.between(0, 6))
  }
})

/** The answers to a used key; where the other thing is there already, that it is. */
const REUSED: ReadonlySet<string> = new Set(["KeyReused", "ProjectExists", "MemberExists"])

/** The fault in the answer to a repeat, if anything. */
export const wrongRepeat = (first: Answered, again: Told, isOther: boolean): string | undefined => {
  if (isOther) {
    return again.kind === "refused" && REUSED.has(again.refusal._tag)
      ? undefined
      : `its key was used for something else, and that was ${again.kind}`
  }
  if (again.kind === "refused") return `accepted, and refused when repeated: ${again.refusal._tag}`
  if (again.kind !== "accepted") return undefined
  return isSame(essence(again.outcome), essence(first))
    ? undefined
    : `answered ${told(first)}, and when repeated ${told(again.outcome)}`
}

const idIn = (state: unknown): string | undefined =>
  typeof state === "object" && state !== null && "id" in state ? String(state.id) : undefined

const learn = (board: Board, claims: Map<string, number>, { wish }: Call, { state }: Answered) => {
  const id = idIn(state)
  if (id === undefined) return
  if (wish.name === "create") {
    board.planned.push(id)
    if (board.planned.length > PLANNED) board.planned.shift()
  }
  if (wish.name === "new backend") board.backends.push(id)
  if (wish.name === "take" && typeof state === "object" && state !== null && "claim" in state) {
    claims.set(id, Number(state.claim))
  }
}
