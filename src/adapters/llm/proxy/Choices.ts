import { type Fields, isFields } from "./jsonFields.ts"

/** The number of choices that a request asks for: `n` for each of its prompts. */
export const choicesAskedFor = ({ n, prompt }: Fields): number => {
  const prompts = Array.isArray(prompt) && prompt.some((one) => typeof one !== "number") ? prompt.length : 1
  return typeof n === "number" && n > 1 ? n * prompts : prompts
}

/** A choice of a stream, as an event tells of it. */
export interface ChoiceNews {
  readonly index: number
  readonly isFinished: boolean
}

/** The choice in an event of OpenAI's, with what it may lack. */
export const choiceNews = (choice: Fields, place: number): ChoiceNews => {
  const { finish_reason: reason, index } = choice
  return {
    index: typeof index === "number" ? index : place,
    // A provider's failure is told like a reason to finish, and is none.
    isFinished:
      typeof reason === "string" && reason !== "" && reason !== "error" && !isFields(choice["error"]),
  }
}

/** The news of an event: of its choices, or of the answer as a whole where there are none. */
interface EventNews {
  readonly choices?: ReadonlyArray<ChoiceNews>
  readonly isFinish: boolean
}

/** The choices of one stream: it is complete when each of them has finished, whatever comes after. */
export class Choices {
  readonly #expected: number
  readonly #seen = new Set<number>()
  readonly #finished = new Set<number>()
  #isFinished = false

  constructor(expected: number) {
    this.#expected = expected
  }

  /** All events have to be read then: an ordinary one may be the first of its choice. */
  get areSeveral(): boolean {
    return this.#expected > 1 || this.#seen.size > 1
  }

  get areFinished(): boolean {
    return this.#isFinished
  }

  note({ choices, isFinish }: EventNews): void {
    if (choices === undefined) {
      this.#isFinished ||= isFinish
      return
    }
    for (const { index, isFinished } of choices) {
      this.#seen.add(index)
      if (isFinished) this.#finished.add(index)
    }
    this.#isFinished =
      this.#finished.size >= this.#expected && this.#finished.size >= this.#seen.size && this.#seen.size > 0
  }
}
