import { assert, describe, it } from "@effect/vitest"
import { Registry } from "../../../src/adapters/telemetry/Registry.ts"
import { parse, sumOf } from "./prometheus.ts"

describe("the registry of metrics", () => {
  it("the registry of metrics counts for each combination of labels, whatever is in them", () => {
    const registry = new Registry()
    const counter = registry.counter({ name: "things_total", help: "Things.", labels: ["what", "where"] })
    const odd = 'a "quoted" back\\slash\nand a line, with="commas"'
    counter.of(["one", "here"]).count += 1
    counter.of(["one", "here"]).count += 2.5
    counter.of([odd, "here"]).count += 1
    // Would be the same if values were only put behind each other.
    counter.of(["one,", "here"]).count += 1
    assert.deepStrictEqual(parse(registry.text()), [
      { name: "things_total", labels: { what: "one", where: "here" }, value: 3.5 },
      { name: "things_total", labels: { what: odd, where: "here" }, value: 1 },
      { name: "things_total", labels: { what: "one,", where: "here" }, value: 1 },
    ])
  })

  it("the registry of metrics shows a counter without labels before anything was counted", () => {
    const registry = new Registry()
    registry.counter({ name: "things_total", help: "Things." })
    registry.counter({ name: "others_total", help: "Others.", labels: ["what"] })
    assert.strictEqual(
      registry.text(),
      "# HELP things_total Things.\n# TYPE things_total counter\nthings_total 0\n" +
        "# HELP others_total Others.\n# TYPE others_total counter\n",
    )
  })

  it("the registry of metrics asks gauges anew each time", () => {
    const registry = new Registry()
    let level = 1
    registry.gauge({ name: "level", help: "Level." }, () => [[[], level]])
    registry.gauge({ name: "levels", help: "Levels.", labels: ["of"] }, () => [
      [["a"], level],
      [["b"], -level],
    ])
    level = 7
    assert.deepStrictEqual(
      parse(registry.text()).map(({ value }) => value),
      [7, 7, -7],
    )
  })

  it("the registry of metrics counts values below bounds, the bound itself included", () => {
    const registry = new Registry()
    const histogram = registry.histogram(
      { name: "time_seconds", help: "Time.", labels: ["of"] },
      [0.1, 1, 10],
    )
    for (const value of [0.05, 0.1, 0.5, 10, 11]) histogram.of(["x"]).observe(value)
    const buckets = parse(registry.text()).map(({ labels, name, value }) => [name, labels["le"], value])
    assert.deepStrictEqual(buckets, [
      ["time_seconds_bucket", "0.1", 2],
      ["time_seconds_bucket", "1", 3],
      ["time_seconds_bucket", "10", 4],
      ["time_seconds_bucket", "+Inf", 5],
      ["time_seconds_sum", undefined, 21.65],
      ["time_seconds_count", undefined, 5],
    ])
  })

  it("the registry of metrics does not grow without end: what is too much counts as other", () => {
    const registry = new Registry()
    const counter = registry.counter({ name: "things_total", help: "Things.", labels: ["what", "who"] })
    for (let at = 0; at < 20_000; at += 1) counter.of([`what ${at}`, "me"]).count += 1
    counter.of(["what 1", "me"]).count += 1
    const text = registry.text()
    assert.isBelow(parse(text).length, 5_002)
    assert.strictEqual(sumOf(text, "things_total"), 20_001)
    assert.strictEqual(sumOf(text, "things_total", { what: "what 1", who: "me" }), 2)
    assert.strictEqual(sumOf(text, "things_total", { what: "other", who: "other" }), 15_000)
  })
})
