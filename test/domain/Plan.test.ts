import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { Plan, PlanCommand, PlanEvent, PlanState } from "../../src/domain/Plan.ts"
import { scenario } from "./given.ts"
import { histories, run, uuids } from "./histories.ts"

const [a = "", b = "", c = "", d = ""] = uuids
const given = scenario(Plan)
const { ForgetTask, PlanDependencies } = PlanCommand.cases
const { DependenciesPlanned, TaskForgotten } = PlanEvent.cases
const plan = (task_id: string, ...depends_on: ReadonlyArray<string>) =>
  PlanDependencies.make({ task_id, depends_on })
const planned = (task_id: string, ...depends_on: ReadonlyArray<string>) =>
  DependenciesPlanned.make({ task_id, depends_on })

/** The rest when everything that waits for nothing is done, again and again: nothing, if there is no circle. */
const circular = (edges: PlanState["edges"]): ReadonlyArray<string> => {
  const waiting = new Map(Object.entries(edges))
  for (;;) {
    const free = [...waiting].filter(([, depends_on]) => !depends_on.some((id) => waiting.has(id)))
    if (free.length === 0) return [...waiting.keys()]
    for (const [id] of free) waiting.delete(id)
  }
}

describe("Plan", () => {
  it("a plan records dependencies sorted, each once, and only when they change", () => {
    assert.deepStrictEqual(given().when(plan(a, d, b, d)), [planned(a, b, d)])
    assert.deepStrictEqual(given(planned(a, b, d)).when(plan(a, d, b)), [])
    assert.deepStrictEqual(given(planned(a, b, d)).when(plan(a, d)), [planned(a, d)])
    assert.deepStrictEqual(given(planned(a, b)).when(plan(a)), [planned(a)])
    assert.deepStrictEqual(given().when(plan(a)), [])
    assert.deepStrictEqual(given(planned(a, b), planned(a)).state, { _tag: "Plan", edges: {} })
  })

  it("a plan names the circle that it refuses, each task waiting for the next", () => {
    assert.deepStrictEqual(given().when(plan(a, a)), { _tag: "DependencyCycle", cycle: [a] })
    assert.deepStrictEqual(given(planned(b, a)).when(plan(a, b)), { _tag: "DependencyCycle", cycle: [a, b] })
    assert.deepStrictEqual(given(planned(b, c), planned(c, d), planned(d, a)).when(plan(a, b)), {
      _tag: "DependencyCycle",
      cycle: [a, b, c, d],
    })
  })

  it("a plan allows two ways to the same task", () => {
    assert.deepStrictEqual(given(planned(a, b, c), planned(b, d)).when(plan(c, d)), [planned(c, d)])
  })

  it("a plan judges what is wanted, not what it replaces", () => {
    assert.deepStrictEqual(given(planned(a, b)).when(plan(b, a)), { _tag: "DependencyCycle", cycle: [b, a] })
    assert.deepStrictEqual(given(planned(a, b), planned(a, c)).when(plan(b, a)), [planned(b, a)])
  })

  it("a plan forgets a task with all that waits for it", () => {
    const forget = ForgetTask.make({ task_id: b })
    const forgotten = TaskForgotten.make({ task_id: b })
    const history = [planned(a, b), planned(b, c), planned(d, b, c)]
    assert.deepStrictEqual(given(...history).when(forget), [forgotten])
    assert.deepStrictEqual(given(...history, forgotten).state, { _tag: "Plan", edges: { [d]: [c] } })
    assert.deepStrictEqual(given(...history, forgotten).when(forget), [])
    assert.deepStrictEqual(given(planned(a, b)).when(forget), [forgotten])
  })

  it("a plan finds a circle through a long chain", () => {
    const task = (number: number) => `${String(number).padStart(8, "0")}-0000-5000-8000-000000000000`
    const chain = Array.from({ length: 20_000 }, (_, number) => [task(number), [task(number + 1)]] as const)
    const state: PlanState = { _tag: "Plan", edges: Object.fromEntries(chain) }
    const decided = Plan.decide(plan(task(20_000), task(0)), state)
    assert.isTrue(Result.isFailure(decided) && decided.failure.cycle.length === 20_001)
  })

  it("a plan has no room for names that are no ids", () => {
    const decode = Schema.decodeUnknownResult(PlanCommand)
    const encoded = `{"_tag":"PlanDependencies","task_id":"__proto__","depends_on":[]}`
    assert.isTrue(Result.isFailure(decode(JSON.parse(encoded))))
    assert.isTrue(
      Result.isFailure(decode({ _tag: "PlanDependencies", task_id: a, depends_on: ["__proto__"] })),
    )
    const state = `{"_tag":"Plan","edges":{"__proto__":["${a}"]}}`
    const lenient = Schema.decodeUnknownResult(PlanState)(JSON.parse(state))
    assert.deepStrictEqual(Result.getOrUndefined(lenient)?.edges ?? {}, {})
  })

  it.prop("a plan never waits in a circle", [histories(PlanCommand)], ([commands]) => {
    for (const { after } of run(Plan, commands)) assert.deepStrictEqual(circular(after.edges), [])
  })

  const tasks = Array.from({ length: 12 }, (_, n) => `000000${n + 10}-0000-5000-8000-000000000000`)
  const wish = Arbitrary.schema(
    Schema.Struct({
      task_id: Schema.Literals(tasks),
      depends_on: Schema.Array(Schema.Literals(tasks)).check(Schema.isMaxLength(3)),
    }),
  ).pipe(Arbitrary.map(({ task_id, depends_on }) => plan(task_id, ...depends_on)))

  it.prop(
    "a plan refuses only real circles",
    [Arbitrary.array(wish, { minLength: 20, maxLength: 40 })],
    ([wishes]) => {
      for (const { command, before } of run(Plan, wishes)) {
        const wanted = command._tag === "PlanDependencies" ? { [command.task_id]: command.depends_on } : {}
        const edges: PlanState["edges"] = { ...before.edges, ...wanted }
        const decided = Plan.decide(command, before)
        assert.strictEqual(Result.isFailure(decided), circular(edges).length > 0)
        if (Result.isSuccess(decided)) continue
        const { cycle } = decided.failure
        cycle.forEach((id, index) => assert.include(edges[id] ?? [], cycle[(index + 1) % cycle.length]))
      }
    },
  )
})
