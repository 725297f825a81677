import { pause, quantile, quantiles, rounded, sum } from "../figures.ts"
import { cpuOf } from "../processes.ts"
import type { Row } from "../Row.ts"
import { ChatLoad, type Chats } from "./ChatLoad.ts"

interface Asked {
  readonly name: string
  /** The process whose time counts. */
  readonly pid: number
  readonly url: string
  readonly requests: ReadonlyArray<Buffer>
  /** Requests of a round. */
  readonly count: number
}

/** A program that answers the same requests as others, in turn, and the figures of its answers. */
export class Contender {
  readonly name: string
  readonly #asked: Asked
  readonly #load: ChatLoad
  readonly #rates: Array<number> = []
  /** Microseconds of processor time for each request, by round. */
  readonly #cpus: Array<number> = []
  readonly #times: Array<number> = []
  readonly #firsts: Array<number> = []

  private constructor(asked: Asked, load: ChatLoad) {
    this.name = asked.name
    this.#asked = asked
    this.#load = load
  }

  static async open(asked: Asked, connections: number): Promise<Contender> {
    return new Contender(asked, await ChatLoad.open(asked.url, connections))
  }

  close(): void {
    this.#load.close()
  }

  /** The body of one answer. */
  async answer(): Promise<string> {
    const { bodies, failures } = await this.#load.run(1, this.#asked.requests, true)
    const [body] = bodies
    if (failures.length > 0 || body === undefined) throw new Error(`${this.name}: ${failures.join()}`)
    return body
  }

  /** Asks `times` as much as in a round, so that all code is compiled. */
  async warmUp(times: number): Promise<void> {
    await this.#ask(this.#asked.count * times)
  }

  /** Asks all of a round. */
  async run(): Promise<void> {
    const { count, pid } = this.#asked
    await pause(50)
    const before = cpuOf(pid)
    const { firsts, seconds, times } = await this.#ask(count)
    const used = cpuOf(pid) - before
    this.#rates.push(count / seconds)
    this.#cpus.push(used / count)
    this.#times.push(...times)
    this.#firsts.push(...firsts)
  }

  async #ask(count: number): Promise<Chats> {
    const chats = await this.#load.run(count, this.#asked.requests)
    const { failures } = chats
    if (failures.length > 0) throw new Error(`${this.name}, ${failures.length} failures: ${failures[0]}`)
    return chats
  }

  /** Requests a second. */
  get rate(): number {
    return rounded(quantile(this.#rates, 0.5))
  }
  /** Microseconds of processor time for a request. */
  get cpu(): number {
    return rounded(quantile(this.#cpus, 0.5))
  }
  /** Milliseconds. */
  get p50(): number {
    return quantile(this.#times, 0.5)
  }

  get details(): Row["details"] {
    return {
      "requests/s": this.rate,
      best: rounded(Math.max(...this.#rates)),
      ...quantiles(this.#times),
      "first byte p50": rounded(quantile(this.#firsts, 0.5)),
      "CPU µs": this.cpu,
      "CPU µs on average": rounded(sum(this.#cpus) / this.#cpus.length),
      "CPU µs at best": rounded(Math.min(...this.#cpus)),
    }
  }

  /** The same, told of another. */
  get others(): Row["details"] {
    return Object.fromEntries(
      Object.entries(this.details).map(([what, seen]) => [`${this.name}: ${what}`, seen]),
    )
  }
}
