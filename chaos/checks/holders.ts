import { type Deed, free, keyOfHolding, onHolding } from "../holding.ts"
import type { Call } from "../Journal.ts"
import { judge, type Judgement } from "../linearizable.ts"
import type { Json } from "../Rest.ts"

/** The question about a task's holder that a command was, and its answer; undefined for other commands. */
const deedOf = ({ answer, by, claim, kind, outcome }: Call): Deed | undefined => {
  const body: Json = answer?.body ?? {}
  const code = body["code"]
  if (kind === "take") {
    if (outcome === "unknown") return { kind, by, answer: "unknown" }
    if (outcome === "accepted") return { kind, by, answer: "taken", claim: Number(body["claim"]) }
    if (code === "task_already_taken") return { kind, by, answer: "held", holder: String(body["holder"]) }
  }
  if (kind === "reject") {
    if (outcome === "unknown") return { kind, by, answer: "unknown" }
    if (outcome === "accepted") return { kind, by, answer: "released" }
    if (code === "not_holder")
      return { kind, by, answer: "not holder", holder: body["holder"] as string | null }
  }
  if (kind === "change" && claim !== undefined) {
    if (outcome === "accepted") return { kind, by, with: claim, answer: "changed" }
    if (code === "stale_claim")
      return { kind, by, with: claim, answer: "stale", claim: body["claim"] as number | null }
  }
  return undefined
}

export interface Holders {
  /** The number of operations that were judged, and of those among them with an unknown outcome. */
  readonly operations: number
  readonly unknown: number
  /** Tasks whose history can't have happened. */
  readonly impossible: ReadonlyArray<string>
  /** Tasks whose history is too tangled to be judged. */
  readonly undecided: ReadonlyArray<string>
}

/** Judges whether every task had one holder at most at any time, as far as its clients could see. */
export const checkHolders = (calls: ReadonlyArray<Call>): Holders => {
  const byTask = new Map<string, Array<readonly [Call, Deed]>>()
  for (const call of calls) {
    const deed = deedOf(call)
    if (deed === undefined || call.task === undefined) continue
    const known = byTask.get(call.task)
    if (known === undefined) byTask.set(call.task, [[call, deed]])
    else known.push([call, deed])
  }
  const all = [...byTask]
  const deeds = all.flatMap(([, history]) => history)
  const judged = all.map(([task, history]) => {
    const operations = history.map(([{ end, start }, deed]) => onHolding(deed, start, end))
    return { task, judgement: judge(operations, free, keyOfHolding) }
  })
  const tasks = (which: Judgement) =>
    judged.flatMap(({ judgement, task }) => (judgement === which ? [task] : []))
  return {
    operations: deeds.length,
    unknown: deeds.filter(([, { answer }]) => answer === "unknown").length,
    impossible: tasks("impossible"),
    undecided: tasks("undecided"),
  }
}
