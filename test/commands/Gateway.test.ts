import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/commands/Gateway.ts"
import { asFirst } from "../support/commands.ts"
import { gateway } from "./gateways.ts"
import { by, story } from "./services.ts"

describe("the gateway's options", () => {
  it.effect("the gateway's options are set, and removed again", () =>
    Effect.gen(function* () {
      const { removeOption, setOption } = yield* Gateway
      const envelope = by()
      const first = yield* setOption("queue_depth", 10, envelope)
      const again = yield* setOption("queue_depth", 10, envelope)
      assert.isTrue(again.repeated)
      assert.deepStrictEqual(asFirst(again), first)
      assert.deepInclude((yield* setOption("health_path", "/v1", by())).state, {
        options: { queue_depth: 10, health_path: "/v1" },
      })
      assert.deepInclude((yield* removeOption("queue_depth", by())).state, {
        options: { health_path: "/v1" },
      })
      assert.deepStrictEqual(yield* story, [
        "gateway: OptionSet",
        "gateway: OptionSet",
        "gateway: OptionRemoved",
      ])
    }).pipe(Effect.provide(gateway())),
  )

  it.effect(
    "the gateway's options are refused when there are none such, or can't be so; nothing is recorded",
    () =>
      Effect.gen(function* () {
        const { removeOption, setOption } = yield* Gateway
        for (const key of ["nonsense", "constructor", "__proto__", ""]) {
          assert.deepInclude(yield* Effect.flip(setOption(key, 1, by())), { _tag: "OptionNotFound", key })
          assert.deepInclude(yield* Effect.flip(removeOption(key, by())), { _tag: "OptionNotFound", key })
        }
        assert.strictEqual((yield* Effect.flip(removeOption("queue_depth", by())))._tag, "OptionNotFound")
        assert.strictEqual((yield* Effect.flip(setOption("queue_depth", "10", by())))._tag, "OptionUnfit")
        assert.deepStrictEqual(yield* story, [])
      }).pipe(Effect.provide(gateway())),
  )
})
