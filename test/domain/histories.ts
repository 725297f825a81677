import { Arbitrary, Effect, Result, Schema } from "effect"
import type { Aggregate, Placed } from "../../src/domain/Aggregate.ts"

/** A few names, so that generated commands meet each other. */
export const uuids = [0, 1, 2, 3].map((digit) => `0000000${digit}-0000-5000-8000-000000000000`)
const slugs = ["admin", "ada", "bob", "eve"]
const models = ["gpt-5", "opus", "local"]
const versions = ["a1", "b2"]
const instants = [10, 11, 12, 13].map((hour) => `2026-03-01T${hour}:30:00.000Z`)

const isUuid = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
const isInstant = (text: string) => /^\d{4}-\d\d-\d\dT.*Z$/.test(text)
const isSlug = (key: string) => key.endsWith("slug") || key === "mentions"
/** Longer than the generated times are apart, and cooldowns would never end. */
const HOUR = 3_600_000
const pick = (values: ReadonlyArray<string>, text: string) =>
  values[(text.codePointAt(0) ?? 0) % values.length]

/** The same JSON with ids, slugs and times out of those few, and lists without repeats. */
const met = (value: unknown, key: string): unknown => {
  if (typeof value === "string") {
    if (isUuid(value)) return pick(uuids, value)
    if (isInstant(value)) return pick(instants, value.slice(3))
    if (key === "model") return pick(models, value)
    if (key === "key_version") return pick(versions, value)
    return isSlug(key) ? pick(slugs, value) : value
  }
  if (typeof value === "number") {
    if (key.endsWith("_ms")) return value % HOUR
    return key === "claim" ? value % 16 : value
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => met(item, key))
    return items.filter((item, index) => items.findIndex((other) => same(item, other)) === index)
  }
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, value]) => [key, met(value, key)]))
    : value
}
const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right)

/** The aggregate whose commands come with the facts that they are decided on, and a schema of both together. */
export const withFacts = <State, Command, Event extends { readonly _tag: string }, Refusal, Facts>(
  aggregate: Aggregate<State, Command, Event, Refusal, Facts>,
  commands: Schema.Schema<Command>,
  facts: Schema.Schema<Facts>,
) => {
  type Given = { readonly command: Command; readonly facts: Facts }
  const informed: Aggregate<State, Given, Event, Refusal> = {
    ...aggregate,
    decide: ({ command, facts }, state) => aggregate.decide(command, state, facts),
  }
  return { aggregate: informed, given: Schema.Struct({ command: commands, facts }) as Schema.Schema<Given> }
}

/**
 * Sequences of commands to one aggregate, all valid by its schema, about few enough ids to
 * matter. They are drawn from a fixed lot, so that one command too many to discard does not
 * discard its whole history.
 */
export const histories = <Command>(commands: Schema.Schema<Command>) => {
  const isCommand = Schema.is(commands)
  const command = Arbitrary.schema(commands).pipe(
    Arbitrary.map((command) => met(command, "")),
    Arbitrary.filter((command): command is Command => isCommand(command)),
  )
  const lot = Effect.runSync(
    Arbitrary.sampleEffect(command, { count: 2000, size: 6, maxDiscards: 100_000, seed: 1 }),
  )
  const one = Arbitrary.schema(Schema.Literals(lot.map((_, index) => index))).pipe(
    Arbitrary.map((index) => lot[index] as Command),
  )
  return Arbitrary.array(one, { minLength: 30, maxLength: 60 })
}

/** A command on the way: the state that it met, the position that its record would have, and its outcome. */
export interface Step<State, Command, Event> {
  readonly command: Command
  readonly before: State
  readonly placed: Placed
  /** undefined: refused. */
  readonly events: ReadonlyArray<Event> | undefined
  readonly after: State
}

/** Gives the commands one after the other, each record at the next place, a minute later. States are frozen. */
export const run = <State, Command, Event extends { readonly _tag: string }, Refusal>(
  aggregate: Aggregate<State, Command, Event, Refusal>,
  commands: ReadonlyArray<Command>,
): ReadonlyArray<Step<State, Command, Event>> => {
  let before = frozen(aggregate.initial)
  return commands.map((command, index) => {
    const minute = String(index % 60).padStart(2, "0")
    const placed = { seq: index + 1, at: `2026-03-01T12:${minute}:00.000Z` }
    const events = Result.getOrUndefined(aggregate.decide(frozen(command), before))
    const after = frozen(
      (events ?? []).reduce((state, event) => aggregate.evolve(state, event, placed), before),
    )
    const step = { command, before, placed, events, after }
    before = after
    return step
  })
}

const frozen = <A>(value: A): A => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(frozen)
  }
  return value
}
