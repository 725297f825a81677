import type { Owed } from "../../projections/ReadModel.ts"
import type { Reaction } from "./Reaction.ts"

/** The attempts of one lane that are under way: never two for one id, and no more than its bounds allow. */
export class UnderWay {
  readonly #targets = new Map<string, string | null>()
  readonly #atOnce: number
  readonly #forTarget: number

  constructor({ atOnce, atOnceForTarget = atOnce }: Pick<Reaction, "atOnce" | "atOnceForTarget">) {
    this.#atOnce = atOnce
    this.#forTarget = atOnceForTarget
  }

  get size(): number {
    return this.#targets.size
  }

  get isFull(): boolean {
    return this.size >= this.#atOnce
  }

  /** The targets that take no more for now. */
  get fullTargets(): ReadonlyArray<string> {
    const counts = new Map<string, number>()
    for (const target of this.#targets.values()) {
      if (target !== null) counts.set(target, (counts.get(target) ?? 0) + 1)
    }
    return [...counts].filter(([, count]) => count >= this.#forTarget).map(([target]) => target)
  }

  /** Gives it a seat, if there is one; true if there was. */
  enter({ id, target }: Owed): boolean {
    if (this.isFull || this.#targets.has(id)) return false
    if (target !== null && this.fullTargets.includes(target)) return false
    this.#targets.set(id, target)
    return true
  }

  leave({ id }: Owed): void {
    this.#targets.delete(id)
  }
}
