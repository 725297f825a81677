import { type GatewayOptions, gatewayDefaults } from "../../domain/Gateway.ts"
import type { Lane } from "../../domain/Usage.ts"
import { Alarm } from "./Alarm.ts"
import { Catalogue } from "./Catalogue.ts"
import { type Candidate, choose, chooseInEmergency, opensAt, type Wanted } from "./choose.ts"
import { Emergency } from "./Emergency.ts"
import { Findings, type Told } from "./Findings.ts"
import { RequestQueue } from "./RequestQueue.ts"
import type { Journey, Lease, NoLease, Outcome, Route } from "./Route.ts"
import type { RoutedBackend } from "./RoutedBackend.ts"
import { type GrantedLease, type Request, RoutedJourney } from "./RoutedJourney.ts"
import type { RouterSnapshot } from "./RouterStatus.ts"
import type { Timers } from "./Timers.ts"
import type { ProbeResult } from "./Vitals.ts"

type Answer = Lease | NoLease

/** A request that waits, and who is to be told. */
interface Waiter {
  readonly journey: RoutedJourney
  readonly answer: (answer: Answer) => void
}

const aborted: NoLease = { kind: "aborted", retryAfterMillis: 0 }
const unknownModel: NoLease = { kind: "unknown_model", retryAfterMillis: 0 }
/** Milliseconds beyond a request's time after which a lease that probes is taken for lost. */
const LOST_AFTER = 5_000

/**
 * The choice of the backend that a request goes to (provider-gateway.md, Routing; gateway.md, rules 1-5): the
 * primary pool, the fallback pool, the queue, the emergency lane, in this order. It goes by the log as of the
 * last `update`, and by what this node's own requests have shown since. Nothing here waits or polls: who is
 * in the queue is woken by the timer that the next token or the end of a cooldown needs, and by what happens.
 */
export class Router {
  readonly #timers: Timers
  readonly #findings: Findings
  readonly #catalogue = new Catalogue()
  /** Rings when somebody in the queue can be sent somewhere, if nothing happens before. */
  readonly #alarm: Alarm
  readonly #queue = new RequestQueue<Waiter>()
  readonly #guide = {
    next: (journey: RoutedJourney) => this.#next(journey),
    isTried: (journey: RoutedJourney) => this.#isTried(journey),
    accepted: (lease: GrantedLease) => this.#accepted(lease),
    settled: (lease: GrantedLease, outcome: Outcome) => this.#settled(lease, outcome),
  }
  #options: GatewayOptions = gatewayDefaults
  #emergency: Emergency | undefined

  constructor(timers: Timers, told: Told) {
    this.#timers = timers
    this.#alarm = new Alarm(timers, () => this.#advance(this.#now()))
    this.#findings = new Findings(told, (backend) => this.#catalogue.has(backend))
  }

  /**
   * Takes over what the log says now, how many gateway nodes share the rates, and whether the log has the
   * emergency lane open. The first time buckets are full only if this node is alone: others may just have
   * used the whole rate.
   */
  update(
    routes: ReadonlyArray<Route>,
    options: GatewayOptions,
    nodes: number,
    isEmergency: boolean = false,
  ): void {
    const now = this.#now()
    const isFirst = this.#emergency === undefined
    const isFull = !isFirst || nodes === 1
    this.#options = options
    this.#catalogue.update(routes, nodes, now, isFull)
    this.#emergency ??= new Emergency(this.#timers, this.#findings.tell, options, nodes, isFull)
    this.#emergency.follow(options, nodes, isEmergency, isFirst)
    this.#advance(now)
  }

  /** At the start of the only node: what was sent to this backend in the last minute is not there to be sent again. */
  seed(backend: string, requestsInLastMinute: number): void {
    this.#catalogue.get(backend)?.bucket.take(this.#now(), requestsInLastMinute)
  }

  begin(request: Request): Journey {
    return new RoutedJourney(this.#guide, request, this.#options.queue_seconds * 1_000)
  }

  /** Takes over the outcome of a health probe of a backend. */
  probed(id: string, result: ProbeResult): void {
    const backend = this.#catalogue.get(id)
    if (backend === undefined) return
    this.#findings.probed(backend, result, this.#now())
    this.#advance(this.#now())
  }

  snapshot(): RouterSnapshot {
    const now = this.#now()
    const standings = [...this.#catalogue.all()].map((one) => [one.id, one.standing(now)] as const)
    return {
      inFlight: standings.reduce((sum, [, { inFlight }]) => sum + inFlight, 0),
      queueDepth: this.#queue.size,
      backends: new Map(standings),
    }
  }

  /** Nobody waits any longer, and no timer runs. */
  close(): void {
    this.#queue.advance(({ who }) => {
      who.answer({ kind: "exhausted", retryAfterMillis: 0 })
      return true
    })
    this.#alarm.set(Infinity)
    this.#emergency?.close()
  }

  #next(journey: RoutedJourney): Answer | Promise<Answer> {
    if (journey.client?.isGone === true) return aborted
    const now = this.#now()
    // Those who wait came first, and what opens is theirs: a token may have come a moment before its timer.
    if (now >= this.#alarm.at) this.#advance(now)
    if (journey.tries < this.#options.pool_retries) {
      const candidate = choose(this.#catalogue.candidates(journey.model), journey, now)
      if (candidate !== undefined) return this.#grant(journey, candidate, now)
      if (!this.#catalogue.knows(journey)) return unknownModel
      if (journey.isUrgent) return this.#none("exhausted", journey, now)
      if (opensAt(this.#catalogue.candidates(journey.model), journey, now) <= now + journey.patience) {
        return this.#queue.size < this.#options.queue_depth
          ? this.#wait(journey, now)
          : this.#none("queue_full", journey, now)
      }
    }
    return this.#lastResort(journey, now)
  }

  #wait(journey: RoutedJourney, now: number): Promise<Answer> {
    const signal = journey.client?.signal
    return new Promise((resolve) => {
      const answer = (given: Answer) => {
        stop()
        signal?.removeEventListener("abort", abort)
        journey.patience -= this.#now() - now
        journey.isWaiting = false
        resolve(given)
      }
      const leave = this.#queue.add({ journey, answer }, journey, now + journey.patience)
      const abort = () => {
        if (leave()) answer(aborted)
      }
      const stop = this.#timers.after(journey.patience, () => {
        this.#advance(this.#now())
        if (leave()) answer(this.#lastResort(journey, this.#now()))
      })
      signal?.addEventListener("abort", abort)
      journey.isWaiting = true
      const opens = opensAt(this.#catalogue.candidates(journey.model), journey, now, true)
      this.#alarm.set(Math.min(this.#alarm.at, opens))
    })
  }

  /** The emergency lane; if that is closed, too, nothing. */
  #lastResort(journey: RoutedJourney, now: number): Answer {
    const mayTry = !journey.isUrgent && journey.triesInEmergency < this.#options.emergency_retries
    if (mayTry && this.#emergency?.hasToken(now) === true) {
      const { apis, excluded, excludedInEmergency, model } = journey
      const wanted = { apis, model, excluded: [...excluded, ...excludedInEmergency] }
      const candidate = chooseInEmergency(this.#catalogue.candidates(wanted.model), wanted, now)
      if (candidate !== undefined) {
        this.#emergency.use(model, now)
        return this.#grant(journey, candidate, now, "emergency")
      }
    }
    return this.#catalogue.knows(journey) ? this.#none("exhausted", journey, now) : unknownModel
  }

  #grant(
    journey: RoutedJourney,
    candidate: Candidate,
    now: number,
    lane: typeof Lane.Type = candidate.backend.route.backend.pool,
  ): Lease {
    const { limits, route } = candidate.backend
    const lease = journey.take(candidate, lane, now)
    const lasts = Math.max(this.#options.request_timeout_seconds, route.backend.timeout_seconds) * 1_000
    lease.isProbe = limits.probe(journey.model, now, lease, now + lasts + LOST_AFTER)
    candidate.backend.lend(now)
    return lease
  }

  #accepted(lease: GrantedLease): void {
    const now = this.#now()
    if (this.#findings.accepted(lease, now)) this.#advance(now)
  }

  #settled(lease: GrantedLease, outcome: Outcome): void {
    const now = this.#now()
    const { backend } = lease
    backend.inFlight -= 1
    if (outcome.kind === "misfit" && outcome.isOfProvider) this.#avoidProvider(lease)
    const isNews = this.#findings.settled(lease, outcome, this.#options, now)
    if (lease.isProbe) backend.limits.release(lease)
    if (isNews || lease.isProbe) this.#advance(now)
  }

  /** Other keys at the same place have the same rules. */
  #avoidProvider({ backend, journey }: GrantedLease): void {
    const origin = originOf(backend)
    const same = this.#catalogue.candidates(journey.model).map((candidate) => candidate.backend)
    journey.excluded = [...journey.excluded, ...same.filter((other) => originOf(other) === origin)]
  }

  #isTried(journey: RoutedJourney): boolean {
    if (journey.isUrgent) return true
    return opensAt(this.#catalogue.candidates(journey.model), journey, this.#now()) === Infinity
  }

  /** Gives those who wait what there is, and tells those who would wait in vain. */
  #advance(now: number): void {
    if (this.#queue.size === 0) return
    let opens = Infinity
    this.#queue.advance(({ deadline, who }, wanted) => {
      const candidates = this.#catalogue.candidates(wanted.model)
      const candidate = choose(candidates, wanted, now)
      const isInVain = candidate === undefined && opensAt(candidates, wanted, now) > deadline
      if (candidate !== undefined) who.answer(this.#grant(who.journey, candidate, now))
      else if (isInVain) who.answer(this.#lastResort(who.journey, now))
      else opens = Math.min(opens, opensAt(candidates, wanted, now, true))
      return candidate !== undefined || isInVain
    })
    this.#alarm.set(opens)
  }

  #none(kind: NoLease["kind"], { apis, model }: Wanted, now: number): NoLease {
    const wanted = { apis, model, excluded: [] }
    const at = opensAt(this.#catalogue.candidates(wanted.model), wanted, now)
    // Nothing comes back by itself: the next health probe may bring news.
    const millis = at === Infinity ? this.#options.health_interval_seconds * 1_000 : at - now
    return { kind, retryAfterMillis: Math.ceil(millis) }
  }

  /** Whole milliseconds, as the log has them. */
  #now(): number {
    return Math.floor(this.#timers.now())
  }
}

const originOf = ({ route }: RoutedBackend) => new URL(route.backend.api_base_url).origin
