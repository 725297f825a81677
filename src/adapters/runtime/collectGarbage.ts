import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

type Collect = (how: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void

/**
 * Gives back to the system what much work has left over, as a start does: V8 would keep it, a third of the memory,
 * until there is far more. Nothing else runs meanwhile, for 60 to 100 ms.
 */
export const collectGarbage = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as Collect
  collect({ type: "major", execution: "sync", flavor: "last-resort" })
})
