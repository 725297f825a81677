import type { Owed } from "../../projections/ReadModel.ts"
import type { Reaction } from "./Reaction.ts"

/** The attempts of one lane that are under way: never two for one id, and no more than its bounds allow. */
export class UnderWay {
  readonly #ids = new Set<string>()
  /** By target. */
  readonly #counts = new Map<string, number>()
  readonly #atOnce: number
  readonly #forTarget: number

  constructor({ atOnce, atOnceForTarget = atOnce }: Pick<Reaction, "atOnce" | "atOnceForTarget">) {
    this.#atOnce = atOnce
    this.#forTarget = atOnceForTarget
  }

  get size(): number {
    return this.#ids.size
  }

  get isFull(): boolean {
    return this.size >= this.#atOnce
  }

  /** The targets that take no more for now. */
  get fullTargets(): ReadonlyArray<string> {
    return [...this.#counts.keys()].filter((target) => this.#isFullFor(target))
  }

  /** Gives it a seat, if there is one; true if there was. */
  enter({ id, target }: Owed): boolean {
    if (this.isFull || this.#ids.has(id) || (target !== null && this.#isFullFor(target))) return false
    this.#ids.add(id)
    if (target !== null) this.#counts.set(target, this.#countOf(target) + 1)
    return true
  }

  leave({ id, target }: Owed): void {
    this.#ids.delete(id)
    if (target === null) return
    const left = this.#countOf(target) - 1
    if (left === 0) this.#counts.delete(target)
    else this.#counts.set(target, left)
  }

  #countOf(target: string): number {
    return this.#counts.get(target) ?? 0
  }

  #isFullFor(target: string): boolean {
    return this.#countOf(target) >= this.#forTarget
  }
}
