import type { Recorded } from "../../domain/CommitRecord.ts"
import { joined, partOf } from "../../domain/SnapshotParts.ts"
import { isSame } from "./canonical.ts"
import type { Checker } from "./checkers.ts"
import { type Folded, keyOf } from "./Folds.ts"

/** A snapshot whose parts were met so far, and what they have to come to. */
interface Begun {
  readonly of: number
  readonly count: number
  readonly expected: unknown
  readonly texts: ReadonlyArray<string>
}

const NONE: Begun = { of: 0, count: 0, expected: undefined, texts: [] }

interface Situation {
  readonly checker: Checker
  readonly before: Folded
  readonly note: (problem: string) => void
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Compares the parts of large snapshots, together once the last of them is there, with the fold that they are of. */
export const partChecks = () => {
  const begun = new Map<string, Begun>()

  const begin = ({ before, checker }: Situation, count: number): Begun => {
    const { hash, remembered, seq: of, state, version } = before
    return { of, count, expected: { state: checker.encode(state), version, hash, remembered }, texts: [] }
  }

  return ({ record, subject }: Recorded, situation: Situation): void => {
    const part = partOf(record, situation.checker.fold)
    if (part === undefined || !situation.before.isSound) return
    const key = keyOf(subject)
    const found = part.index === 0 ? begin(situation, part.count) : (begun.get(key) ?? NONE)
    const texts = [...found.texts, part.text]
    if (part.of !== found.of || part.count !== found.count || part.index + 1 !== texts.length) {
      begun.delete(key)
      return situation.note("its part of a snapshot does not follow the part before it")
    }
    if (texts.length < part.count) return void begun.set(key, { ...found, texts })
    begun.delete(key)
    if (!isSame(parsed(joined(texts)), found.expected)) {
      situation.note(`the snapshot in parts that ends here is not the fold as of record ${part.of}`)
    }
  }
}
