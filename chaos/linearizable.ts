/** A call of a client, as the client saw it. */
export interface Operation<State> {
  readonly start: number
  /** The time of its answer; Infinity when none ever came: it may have taken effect at any time since, or never. */
  readonly end: number
  /** The state after it, where its answer is possible in this state; undefined where it is not. */
  readonly step: (state: State) => State | undefined
  /**
   * The effect of the call, in a word: of calls without an answer that do the same, the earlier may stand for
   * the later.
   */
  readonly does: string
}

/** The verdict on a history: it can have happened, it can't, or it is too tangled to say. */
export type Judgement = "possible" | "impossible" | "undecided"

/** A point that the search has reached: the first answered operation without a place, those placed beyond it, what was used up. */
interface Reached<State> {
  readonly first: number
  readonly beyond: ReadonlyArray<number>
  /** The number of calls of each group without an answer that took effect. */
  readonly used: ReadonlyArray<number>
  readonly state: State
}

/** A history of 2,000 operations with 100 lost answers needs some 10,000. */
const MOST_LOOKS = 500_000

const byStart = (one: { readonly start: number }, other: { readonly start: number }) =>
  one.start - other.start

/**
 * Judges whether there is one order of the operations, in which each takes effect at some moment between its call and
 * its answer, that explains every answer (Wing and Gong's search; what was tried is remembered by what is done
 * and the state). Operations of unknown outcome may be left out. Three things keep the search small:
 * - of operations of unknown outcome that do the same, it only counts how many were used;
 * - what led nowhere with some of them used up leads nowhere with more of them used up;
 * - what can be placed now and changes nothing is placed now: nothing gets harder by that.
 */
export const judge = <State>(
  operations: ReadonlyArray<Operation<State>>,
  initial: State,
  keyOf: (state: State) => string,
  most = MOST_LOOKS,
): Judgement => {
  const known = operations.filter(({ end }) => end !== Infinity).toSorted(byStart)
  const unanswered = operations.filter(({ end }) => end === Infinity).toSorted(byStart)
  const groups = [...Map.groupBy(unanswered, ({ does }) => does).values()]
  const tried = new Map<string, Array<ReadonlyArray<number>>>()

  const admit = ({ beyond, first, state, used }: Reached<State>): boolean => {
    const key = `${first}|${beyond.join()}|${keyOf(state)}`
    const before = tried.get(key) ?? []
    if (before.some((less) => less.every((count, group) => count <= (used[group] ?? 0)))) return false
    const better = before.filter((more) => !more.every((count, group) => count >= (used[group] ?? 0)))
    tried.set(key, [...better, used])
    return true
  }

  /** Nothing that was called after an answer can come before what was answered. */
  const callable = ({ beyond, first }: Reached<State>) => {
    const indices: Array<number> = []
    let earliest = Infinity
    for (let index = first; index < known.length && (known[index]?.start ?? 0) <= earliest; index++) {
      if (beyond.includes(index)) continue
      indices.push(index)
      earliest = Math.min(earliest, known[index]?.end ?? Infinity)
    }
    return { earliest, indices: indices.filter((index) => (known[index]?.start ?? 0) <= earliest) }
  }

  const following = (reached: Reached<State>): ReadonlyArray<Reached<State>> => {
    const { earliest, indices } = callable(reached)
    const answered = indices.flatMap((index) => {
      const state = known[index]?.step(reached.state)
      return state === undefined ? [] : [{ ...placed(reached, index), used: reached.used, state }]
    })
    const idle = answered.find(({ state }) => keyOf(state) === keyOf(reached.state))
    if (idle !== undefined) return [idle]
    const unknown = groups.flatMap((group, number) => {
      const next = group[reached.used[number] ?? 0]
      const state = next === undefined || next.start > earliest ? undefined : next.step(reached.state)
      return state === undefined
        ? []
        : [{ ...reached, used: reached.used.with(number, (reached.used[number] ?? 0) + 1), state }]
    })
    return [...answered, ...unknown]
  }

  // The last is tried first.
  const open: Array<Reached<State>> = [{ first: 0, beyond: [], used: groups.map(() => 0), state: initial }]
  for (let looks = 0; ;) {
    const reached = open.pop()
    if (reached === undefined) return "impossible"
    if (reached.first === known.length) return "possible"
    if (!admit(reached)) continue
    if (++looks > most) return "undecided"
    open.push(...following(reached).toReversed())
  }
}

const placed = ({ beyond, first }: Pick<Reached<unknown>, "beyond" | "first">, index: number) => {
  if (index !== first) return { first, beyond: [...beyond, index].toSorted((one, other) => one - other) }
  let next = first + 1
  while (beyond.includes(next)) next++
  return { first: next, beyond: beyond.filter((other) => other > next) }
}
