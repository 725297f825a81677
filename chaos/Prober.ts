import type { Journal } from "./Journal.ts"
import type { Rest } from "./Rest.ts"
import { Client, type Command, type Member } from "./Client.ts"
import type { Random } from "./Random.ts"
import { pause } from "./waiting.ts"

const EVERY = 25

/** Gives a command every few milliseconds, whatever became of those before, and remembers when which was accepted. */
export class Prober {
  readonly #successes: Array<{ readonly start: number; readonly end: number }> = []
  readonly #open = new Set<Promise<void>>()
  readonly #clients: ReadonlyArray<Client>
  readonly #command: (random: Random) => Command
  #isOver = false
  readonly #done: Promise<void>

  constructor(
    members: ReadonlyArray<Member>,
    doors: ReadonlyArray<Rest>,
    random: Random,
    journal: Journal,
    command: (random: Random) => Command,
  ) {
    this.#clients = members.map((member) => new Client(member, doors, random.fork(member.slug), journal))
    this.#command = command
    this.#done = this.#probe(random)
  }

  /** Milliseconds until a command was accepted that was given after this moment. */
  async firstSuccessAfter(moment: number, within = 30_000): Promise<number> {
    while (performance.now() < moment + within) {
      const first = this.#successes.find(({ start }) => start > moment)
      if (first !== undefined) return Math.round(first.end - moment)
      await pause(5)
    }
    return within
  }

  async end(): Promise<void> {
    this.#isOver = true
    await this.#done
    await Promise.all(this.#open)
  }

  async #probe(random: Random): Promise<void> {
    const AT_MOST = 40
    while (!this.#isOver) {
      await pause(EVERY)
      if (this.#open.size >= AT_MOST) continue
      const start = performance.now()
      const one = random
        .pick(this.#clients)
        .give(this.#command(random), () => this.#isOver || performance.now() > start + 25_000)
        .then(({ end, outcome }) => {
          if (outcome === "accepted") this.#successes.push({ start, end })
          return undefined
        })
        .finally(() => this.#open.delete(one))
      this.#open.add(one)
    }
  }
}
