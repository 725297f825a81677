import type { Call, Journal } from "./Journal.ts"
import type { Random } from "./Random.ts"
import { type Answer, type Ask, NoAnswer, type Rest } from "./Rest.ts"
import { pause } from "./waiting.ts"

export interface Member {
  readonly slug: string
  readonly token: string
  readonly type: "agent" | "human"
}

export interface Command extends Omit<Ask, "token"> {
  readonly kind: string
  readonly task?: string
  readonly claim?: number
}

const BETWEEN_TRIES = 40
/** The codes that leave open whether the command was recorded. Every other 503 says that it was not. */
const UNKNOWN = new Set(["outcome_unknown", "request_timed_out"])

/** A member's program, which gives commands through any of the doors and repeats them until it knows. */
export class Client {
  readonly member: Member
  readonly random: Random
  readonly #doors: ReadonlyArray<Rest>
  readonly #journal: Journal
  #given = 0

  constructor(member: Member, doors: ReadonlyArray<Rest>, random: Random, journal: Journal) {
    this.member = member
    this.random = random
    this.#doors = doors
    this.#journal = journal
  }

  /** `giveUp` is asked before each repeat. */
  async give(command: Command, giveUp: () => boolean): Promise<Call> {
    const key = `k${this.#given++}-${this.random.word(8)}`
    const start = performance.now()
    let mayBeThere = false
    let answer: Answer | undefined
    while (true) {
      answer = await this.#attempt(command, key)
      if (answer === undefined) mayBeThere = true
      else if (answer.status !== 503 && answer.status !== 429) break
      answer = undefined
      if (giveUp()) break
      await pause(BETWEEN_TRIES)
    }
    const call: Call = {
      command: `${this.member.slug}:${key}`,
      by: this.member.slug,
      kind: command.kind,
      task: command.task,
      claim: command.claim,
      start,
      end: performance.now(),
      outcome: outcomeOf(answer, mayBeThere),
      answer,
    }
    this.#journal.calls.push(call)
    if (answer !== undefined && answer.status < 300 && this.random.chance(0.15))
      await this.#repeat(command, key, answer)
    return call
  }

  /** Undefined: no answer, or one that leaves open what happened. */
  async #attempt(command: Command, key: string): Promise<Answer | undefined> {
    try {
      const answer = await this.random.pick(this.#doors).ask({
        ...command,
        token: this.member.token,
        headers: { ...command.headers, "idempotency-key": key },
      })
      const { body, headers, status } = answer
      if (status === 503) {
        this.#journal.refuse(String(body["code"]))
        if (headers["retry-after"] === undefined) this.#odd(command, "503 without Retry-After")
        if (UNKNOWN.has(String(body["code"]))) {
          this.#journal.lostAnswers++
          return undefined
        }
      } else if (status >= 500 || status === 401 || status === 400 || (status === 422 && !isFull(answer))) {
        this.#odd(command, `status ${status} ${JSON.stringify(body)}`)
      }
      return answer
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      this.#journal.lostAnswers++
      return undefined
    }
  }

  /** The first answer, again. */
  async #repeat(command: Command, key: string, first: Answer): Promise<void> {
    const again = await this.#attempt(command, key)
    if (again === undefined || again.status === 503 || again.status === 429) return
    this.#journal.repeats++
    const same =
      again.status === first.status &&
      again.seq === first.seq &&
      JSON.stringify(again.body) === JSON.stringify(first.body)
    if (same) return
    const what = `${this.member.slug} ${command.kind}: answered ${tell(first)}, and when repeated ${tell(again)}`
    this.#journal.otherwise.push({ command: `${this.member.slug}:${key}`, what })
  }

  #odd({ kind, path }: Command, what: string): void {
    this.#journal.oddities.push(`${this.member.slug} ${kind} ${path}: ${what}`)
  }
}

/** A task takes so many steps and no more. */
const isFull = ({ body }: Answer) => body["code"] === "limit_reached"

const tell = ({ body, seq, status }: Answer) => `${status} at ${seq} ${JSON.stringify(body).slice(0, 200)}`

const outcomeOf = (answer: Answer | undefined, mayBeThere: boolean): Call["outcome"] => {
  if (answer !== undefined && answer.status < 300) return "accepted"
  return mayBeThere || answer === undefined ? "unknown" : "refused"
}
