import type { GatewayOptions } from "../../domain/Gateway.ts"
import { Alarm } from "./Alarm.ts"
import { Bucket } from "./Bucket.ts"
import type { Observation } from "./Route.ts"
import type { Timers } from "./Timers.ts"

/** Milliseconds without a request after which the emergency is over. */
const OVER_AFTER = 60_000

const rateOf = ({ emergency_fraction, rpm_limit }: GatewayOptions) => emergency_fraction * rpm_limit

/** The emergency lane (provider-gateway.md, Routing): its rate, and whether it serves. */
export class Emergency {
  readonly #timers: Timers
  readonly #tell: (observation: Observation) => void
  readonly #bucket: Bucket
  #isTold = false
  #overAt = 0
  #model = ""
  readonly #alarm: Alarm

  constructor(
    timers: Timers,
    tell: (observation: Observation) => void,
    options: GatewayOptions,
    nodes: number,
    isFull: boolean,
  ) {
    this.#timers = timers
    this.#tell = tell
    this.#alarm = new Alarm(timers, () => this.#end())
    this.#bucket = new Bucket(rateOf(options), nodes, timers.now(), isFull)
  }

  /** `isOpen`: as the log has it; one that was opened before this node started must end some time, too. */
  follow(options: GatewayOptions, nodes: number, isOpen: boolean, isFirst: boolean): void {
    this.#bucket.share(rateOf(options), nodes, this.#timers.now())
    // Another node may have ended what this one opened: the next use opens it anew.
    this.#isTold = isOpen
    if (isOpen && isFirst) this.#keepOpen(this.#timers.now())
  }

  hasToken(now: number): boolean {
    return this.#bucket.fill(now) >= 0
  }

  /** Takes one of its tokens for a request. */
  use(model: string, now: number): void {
    this.#bucket.take(now)
    this.#model = model
    this.#keepOpen(now)
    if (this.#isTold) return
    this.#isTold = true
    this.#tell({ kind: "emergency", isOpen: true, model })
  }

  close(): void {
    this.#alarm.set(Infinity)
  }

  #keepOpen(now: number): void {
    this.#overAt = now + OVER_AFTER
    if (this.#alarm.at === Infinity) this.#alarm.set(this.#overAt)
  }

  #end(): void {
    if (this.#timers.now() < this.#overAt) return this.#alarm.set(this.#overAt)
    this.#isTold = false
    this.#tell({ kind: "emergency", isOpen: false, model: this.#model })
  }
}
