import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { Lease, Observation, Outcome } from "../../../src/gateway/routing/Route.ts"
import { Backend, type BackendCommand, type KnownBackend } from "../../../src/domain/Backend.ts"
import { backoffOf, gatewayDefaults } from "../../../src/domain/Gateway.ts"
import { ManualTimers } from "./ManualTimers.ts"
import { backend, isLease, MODEL, Place, settled } from "./place.ts"

const NODES = 3
const LIMIT = 12
const DEPTH = 5
/** Requests that come at once, at most. */
const BURST = 8
const BASE = 2_000
const LONGEST = 40_000
const letters = ["a", "b"]
const options = {
  ...gatewayDefaults,
  queue_depth: DEPTH,
  queue_seconds: 20,
  cooldown_base_seconds: BASE / 1_000,
  cooldown_max_seconds: LONGEST / 1_000,
  // No probe is lost here.
  request_timeout_seconds: 86_400,
}

const Step = Schema.Struct({
  does: Schema.Literals([
    "begin",
    "begin",
    "begin",
    "settle",
    "settle",
    "pass",
    "pass",
    "record",
    "hear",
    "leave",
  ]),
  node: Schema.Literals([0, 1, 2]),
  which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })),
  comesTo: Schema.Literals(["ok", "ok", "limited", "accepted", "caller", "aborted"]),
  millis: Schema.Literals([0, 1, 400, 2_000, 5_000, 30_000]),
})
const Steps = Schema.Array(Step).check(Schema.isMinLength(40), Schema.isMaxLength(160))

const instant = (millis: number) => new Date(millis).toISOString()

/** The log, as the gateway's commands make it. */
class Log {
  readonly states = new Map<string, KnownBackend>(letters.map((letter) => [letter, logged(letter)]))

  take(observation: Observation, letter: string): void {
    const command = commandOf(observation)
    const state = this.states.get(letter)
    if (command === undefined || state === undefined) return
    const events = Result.getOrThrow(Backend.decide(command, state, backoffOf(options)))
    const context = { seq: 1, at: instant(0) }
    const next = events.reduce<typeof Backend.initial>(
      (state, event) => Backend.evolve(state, event, context),
      state,
    )
    if (next._tag === "Known") this.states.set(letter, next)
  }
}

const logged = (letter: string) => backend(letter, { rpm_limit: LIMIT })

const commandOf = (observation: Observation): BackendCommand | undefined => {
  if (observation.kind === "rate_limited") {
    return {
      _tag: "ObserveRateLimit",
      model: observation.model,
      reason: observation.reason,
      retry_after_ms: observation.retryAfterMillis,
      sent_at: instant(observation.sentAt),
      now: instant(observation.at),
    }
  }
  if (observation.kind !== "succeeded") return undefined
  return { _tag: "ObserveSuccess", model: observation.model, sent_at: instant(observation.sentAt) }
}

/** On all nodes, by letter. */
interface Seen {
  readonly sent: Map<string, Array<number>>
  readonly limits: Map<string, number>
}

interface Out {
  readonly lease: Lease
  readonly letter: string
  readonly sentAt: number
}

/** A node, and what may not happen on it, judged by what it was told and not by what it keeps. */
class Node {
  readonly place: Place
  readonly out: Array<Out> = []
  readonly leaving: Array<AbortController> = []
  readonly #log: Log
  readonly #seen: Seen
  /** The time until which it cools, as long at least, and perhaps: how many strikes there were is the log's to say. */
  readonly #coolUntil = new Map<string, number>()
  readonly #mayCoolUntil = new Map<string, number>()
  readonly #probes = new Map<string, Lease>()
  /** The models whose probe may not matter any more: another request succeeded meanwhile, here or elsewhere. */
  readonly #unsure = new Set<string>()
  #recorded = 0

  constructor(nodes: number, timers: ManualTimers, log: Log, seen: Seen) {
    this.place = new Place([...log.states.values()], options, { nodes, timers })
    this.#log = log
    this.#seen = seen
  }

  get now(): number {
    return this.place.timers.now()
  }

  begin(): void {
    const leaving = new AbortController()
    const answer = this.place.begin(MODEL, leaving.signal).next()
    if (isLease(answer)) return this.#got(answer)
    if (!(answer instanceof Promise)) return
    this.leaving.push(leaving)
    const got = async () => {
      const given = await answer
      this.leaving.splice(this.leaving.indexOf(leaving), 1)
      if (isLease(given)) this.#got(given)
    }
    void got()
  }

  settle(which: number, comesTo: (typeof Step.Type)["comesTo"], millis: number): void {
    const index = which % Math.max(1, this.out.length)
    const one = this.out[index]
    if (one === undefined) return
    if (comesTo === "accepted") {
      one.lease.accepted()
    } else {
      this.out.splice(index, 1)
      if (comesTo === "limited") this.#limited(one, millis)
      one.lease.settle(outcomeOf(comesTo, millis))
    }
    if (comesTo === "ok" || comesTo === "accepted") this.#unsure.add(one.letter)
    if (this.#probes.get(one.letter) === one.lease && comesTo !== "accepted") this.#probes.delete(one.letter)
  }

  /** Puts on the log what this node saw. */
  record(): void {
    for (const observation of this.place.observations.slice(this.#recorded)) {
      const letter =
        "backend" in observation ? letters.find((one) => logged(one).id === observation.backend) : ""
      this.#log.take(observation, letter ?? "")
    }
    this.#recorded = this.place.observations.length
  }

  /** Lets arrive what the log says by now. */
  hear(): void {
    this.place.update(Object.fromEntries(this.#log.states))
    for (const [letter, { cooldowns }] of this.#log.states) {
      const isCleared = cooldowns.every(({ strikes }) => strikes === 0)
      if (isCleared) this.#unsure.add(letter)
      for (const { until } of cooldowns) this.#cool(letter, until === null ? 0 : Date.parse(until))
    }
  }

  check(): void {
    const { backends, queueDepth } = this.place.router.snapshot()
    assert.isAtMost(queueDepth, DEPTH)
    if (queueDepth === 0) return
    for (const letter of letters) {
      const left = backends.get(logged(letter).id)?.rpmLeft ?? 0
      const isFree = left > 0 && !this.#mayCool(letter) && !this.#probes.has(letter)
      assert.isFalse(isFree, `somebody waits, and ${letter} is free`)
    }
  }

  #got(lease: Lease): void {
    const letter = lease.route.backend.name
    const sentAt = this.now
    const isProbed = this.#probes.has(letter) && !this.#unsure.has(letter)
    this.out.push({ lease, letter, sentAt })
    if (lease.isProbe) {
      this.#probes.set(letter, lease)
      this.#unsure.delete(letter)
    }
    if (lease.lane === "emergency") return
    assert.isFalse(this.#isCooling(letter), `${letter} cools, and is sent a request`)
    assert.isFalse(isProbed, `${letter} is probed, and is sent another request`)
    this.#seen.sent.get(letter)?.push(sentAt)
  }

  #limited({ letter, sentAt }: Out, millis: number): void {
    const { now } = this
    const { limits } = this.#seen
    limits.set(letter, (limits.get(letter) ?? 0) + 1)
    const longest = Math.min(BASE * 2 ** (limits.get(letter) ?? 0), LONGEST)
    this.#mayCoolUntil.set(letter, now + Math.max(longest, millis))
    // A strike; what is none makes it longer only.
    if (sentAt >= (this.#coolUntil.get(letter) ?? 0)) this.#cool(letter, now + Math.max(BASE, millis))
  }

  #cool(letter: string, until: number): void {
    this.#coolUntil.set(letter, Math.max(until, this.#coolUntil.get(letter) ?? 0))
  }

  #mayCool(letter: string): boolean {
    return this.#isCooling(letter) || this.now < (this.#mayCoolUntil.get(letter) ?? 0)
  }

  #isCooling(letter: string): boolean {
    return this.now < (this.#coolUntil.get(letter) ?? 0)
  }
}

const outcomeOf = (comesTo: "ok" | "limited" | "caller" | "aborted", millis: number): Outcome =>
  comesTo === "limited"
    ? { kind: "rate_limited", reason: "rate_limit", retryAfterMillis: millis === 0 ? null : millis }
    : { kind: comesTo }

/** So many within any minute. */
const mostInAMinute = (times: ReadonlyArray<number>) => {
  let most = 0
  let first = 0
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - 60_000) first += 1
    most = Math.max(most, last - first + 1)
  }
  return most
}

const act = (node: Node, { comesTo, does, millis, which }: typeof Step.Type) => {
  switch (does) {
    case "begin":
      for (let count = which % BURST; count >= 0; count--) node.begin()
      return
    case "settle":
      return node.settle(which, comesTo, millis)
    case "pass":
      return node.place.timers.pass(millis)
    case "record":
      return node.record()
    case "hear":
      return node.hear()
    case "leave":
      return node.leaving[which % Math.max(1, node.leaving.length)]?.abort()
  }
}

describe("whatever happens in whatever order on three nodes", () => {
  it.effect.prop(
    "none is sent more than its limit, none that cools, one at a time when it is probed, and nobody waits for nothing",
    [Steps],
    ([steps]) =>
      Effect.promise(async () => {
        const timers = new ManualTimers()
        const log = new Log()
        const seen: Seen = { sent: new Map(letters.map((letter) => [letter, []])), limits: new Map() }
        const nodes = Array.from({ length: NODES }, () => new Node(NODES, timers, log, seen))
        timers.pass(60_000)
        for (const step of steps) {
          act(nodes[step.node]!, step)
          await settled()
          for (const one of nodes) one.check()
        }
        for (const times of seen.sent.values()) assert.isAtMost(mostInAMinute(times), 2 * LIMIT)
      }),
    { arbitrary: { runs: 300 } },
  )
})
