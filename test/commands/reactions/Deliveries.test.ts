import { Effect } from "effect"
import { type PortUnderTest, reactionPortContract } from "../../contracts/reactionPort.ts"
import type { Deliveries } from "./Deliveries.ts"
import { inMemory, Outside } from "./Outside.ts"
import { overHttp, serve } from "./overHttp.ts"

const under = (outside: Outside, { find, send }: Deliveries["Service"]): PortUnderTest => ({
  send: (key) => send(key, { to: "ada", text: "hello" }),
  inquire: find,
  effects: (key) => outside.effects.get(key) ?? 0,
  next: (fault) => void outside.faults.push(fault),
})

reactionPortContract(
  "in memory",
  Effect.sync(() => {
    const outside = new Outside()
    return under(outside, inMemory(outside))
  }),
)

reactionPortContract(
  "over HTTP",
  Effect.gen(function* () {
    const outside = new Outside()
    return under(outside, overHttp(yield* serve(outside)))
  }),
)
