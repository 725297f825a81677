/** One call of one client, as it saw it. */
export interface Operation<State> {
  readonly start: number
  /** When its answer came; Infinity when none ever did: it may have taken effect at any time since, or never. */
  readonly end: number
  /** The state after it, where its answer is possible in this state; undefined where it is not. */
  readonly step: (state: State) => State | undefined
}

interface Called {
  readonly start: number
}
const byStart = (one: Called, other: Called) => one.start - other.start

/**
 * Whether there is one order of the operations, in which each takes effect at some moment between its call and
 * its answer, that explains every answer (Wing and Gong's search; what was tried is remembered by what is done
 * and the state). Operations of unknown outcome may be left out.
 */
export const isLinearizable = <State>(
  operations: ReadonlyArray<Operation<State>>,
  initial: State,
  keyOf: (state: State) => string,
): boolean => {
  const known = operations.filter(({ end }) => end !== Infinity).toSorted(byStart)
  const unknown = operations.filter(({ end }) => end === Infinity).toSorted(byStart)
  const done = new Set<number>()
  const used = new Set<number>()
  const tried = new Set<string>()

  const search = (state: State, low: number): boolean => {
    let first = low
    while (done.has(first)) first++
    if (first === known.length) return true
    const beyond = [...done].filter((index) => index > first).toSorted((a, b) => a - b)
    const key = `${first}|${beyond.join()}|${[...used].toSorted((a, b) => a - b).join()}|${keyOf(state)}`
    if (tried.has(key)) return false
    tried.add(key)

    // Nothing that was called after an answer can come before what was answered.
    let earliest = Infinity
    for (let index = first; index < known.length && (known[index]?.start ?? 0) <= earliest; index++)
      if (!done.has(index)) earliest = Math.min(earliest, known[index]?.end ?? Infinity)

    const attempt = (all: ReadonlyArray<Operation<State>>, index: number, taken: Set<number>) => {
      const after = taken.has(index) ? undefined : all[index]?.step(state)
      if (after === undefined) return false
      taken.add(index)
      if (search(after, first)) return true
      taken.delete(index)
      return false
    }
    for (let index = first; index < known.length && (known[index]?.start ?? 0) <= earliest; index++)
      if (attempt(known, index, done)) return true
    for (let index = 0; index < unknown.length && (unknown[index]?.start ?? 0) <= earliest; index++)
      if (attempt(unknown, index, used)) return true
    return false
  }
  return search(initial, 0)
}
