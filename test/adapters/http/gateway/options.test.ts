import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { gatewayDefaults } from "../../../../src/domain/Gateway.ts"
import { admin, gateway, join } from "./gatewayDoor.ts"

describe("options of the gateway", () => {
  it.live(
    "options of the gateway say where they come from: the environment, an operator, or the defaults",
    () =>
      Effect.gen(function* () {
        const all = yield* admin("GET", "/config")
        assert.strictEqual(all.status, 200)
        const keys = all.body.map(({ key }: { readonly key: string }) => key)
        assert.sameMembers(keys, Object.keys(gatewayDefaults))
        const one = Effect.fnUntraced(function* (key: string) {
          return (yield* admin("GET", `/config/${key}`)).body
        })
        assert.deepStrictEqual(yield* one("queue_depth"), {
          key: "queue_depth",
          value: 500,
          source: "default",
          default: 500,
        })
        assert.deepStrictEqual(yield* one("queue_seconds"), {
          key: "queue_seconds",
          value: 1.5,
          source: "environment",
          default: 30,
        })
        const set = yield* admin("PUT", "/config/queue_depth", { value: 9 })
        const stored = { key: "queue_depth", value: 9, source: "stored", stored: 9, default: 500 }
        assert.deepStrictEqual([set.status, set.body], [200, stored])
        assert.deepStrictEqual(yield* one("queue_depth"), stored)
        const overruled = yield* admin("PUT", "/config/queue_seconds", { value: 5 })
        assert.deepInclude(overruled.body, { value: 1.5, source: "environment", stored: 5 })
        const limit = yield* admin("PUT", "/config/member_usd_per_day", { value: 2.5 })
        assert.deepInclude(limit.body, { value: 2.5, default: null })
        const removed = yield* admin("DELETE", "/config/queue_depth")
        assert.strictEqual(removed.status, 204)
        assert.strictEqual((yield* one("queue_depth")).source, "default")
        const gone = yield* admin("DELETE", "/config/queue_depth")
        assert.deepStrictEqual([gone.status, gone.body.code], [404, "option_not_found"])
        assert.strictEqual((yield* admin("GET", "/config/colour")).body.code, "option_not_found")
      }).pipe(Effect.provide(gateway({ CREWLOG_QUEUE_WAIT: "1500 millis" }))),
  )

  it.live("change once for a key, and only in the version that was seen", () =>
    Effect.gen(function* () {
      const set = (value: number, headers: Record<string, string>, key?: string) =>
        admin("PUT", "/config/rpm_limit", { value }, { headers, key })
      const first = yield* set(1, {}, "once")
      yield* set(2, {})
      const repeated = yield* set(1, {}, "once")
      assert.deepStrictEqual(repeated.body, first.body)
      const now = yield* admin("GET", "/config/rpm_limit")
      assert.strictEqual(now.body.value, 2)
      const stale = yield* set(3, { "if-match": first.headers.get("etag") ?? "" })
      assert.strictEqual(stale.status, 412)
      const fresh = yield* set(3, { "if-match": now.headers.get("etag") ?? "" })
      assert.deepStrictEqual([fresh.status, fresh.body.value], [200, 3])
    }).pipe(Effect.provide(gateway())),
  )
})

describe("allowances of members", () => {
  it.live("allowances of members are set, shown, set anew and removed", () =>
    Effect.gen(function* () {
      yield* join("al")
      const none = yield* admin("GET", "/allowances/al")
      assert.deepStrictEqual([none.status, none.body.code], [404, "allowance_not_found"])
      const set = yield* admin("PUT", "/allowances/al", { requests_per_minute: 5, usd_per_day: 0.5 })
      const own = { slug: "al", requests_per_minute: 5, tokens_per_day: null, usd_per_day: 0.5 }
      assert.deepStrictEqual([set.status, set.body], [200, own])
      const shown = yield* admin("GET", "/allowances/al")
      assert.deepStrictEqual(shown.body, own)
      assert.strictEqual(shown.headers.get("etag"), set.headers.get("etag"))
      const anew = yield* admin("PUT", "/allowances/al", { tokens_per_day: 1_000 })
      assert.deepStrictEqual(anew.body, {
        slug: "al",
        requests_per_minute: null,
        tokens_per_day: 1_000,
        usd_per_day: null,
      })
      assert.strictEqual((yield* admin("DELETE", "/allowances/al")).status, 204)
      assert.strictEqual((yield* admin("GET", "/allowances/al")).status, 404)
      assert.strictEqual((yield* admin("DELETE", "/allowances/al")).body.code, "allowance_not_found")
      const nobody = yield* admin("PUT", "/allowances/nobody", { usd_per_day: 1 })
      assert.deepStrictEqual([nobody.status, nobody.body.code], [404, "member_not_found"])
      assert.strictEqual((yield* admin("PUT", "/allowances/al", { usd_per_day: -1 })).status, 422)
    }).pipe(Effect.provide(gateway())),
  )
})
