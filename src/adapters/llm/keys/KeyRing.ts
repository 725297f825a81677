import { Clock, Context, Deferred, Effect, Layer, Queue } from "effect"
import { KeyVault } from "../../../commands/KeyVault.ts"
import type { KnownBackend } from "../../../domain/Backend.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { type Held, HeldKeys, type Trouble } from "./HeldKeys.ts"

const AT_ONCE = 8
/** The doors don't wait longer for keys: a vault that is away keeps nobody else from being served. */
const FIRST_WITHIN = "3 seconds"
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 10_000

/** Providers' keys as requests need them: in memory, opened, and those only that backends refer to now. */
export class KeyRing extends Context.Service<
  KeyRing,
  {
    /**
     * Of the version that the backend refers to now, as it goes to the provider; undefined while it is not known
     * here. Never to be logged.
     */
    readonly keyOf: (backend: string) => string | undefined
    /** Backends whose key can't be had, by id, and why: for operators. */
    readonly withoutKey: () => ReadonlyMap<string, string>
    /**
     * Told when a key arrives or can't be had, until it is undone. That one is no longer referred to, `Fleet` tells.
     */
    readonly onChange: (listener: () => void) => () => void
  }
>()("crewlog/adapters/llm/keys/KeyRing") {
  static readonly layer = Layer.effect(
    KeyRing,
    Effect.gen(function* () {
      const fleet = yield* Fleet
      const keys = new HeldKeys(fleet.backends)
      const listeners = new Set<() => void>()
      const changed = yield* Queue.sliding<void>(1)
      const first = yield* Deferred.make<void>()
      yield* Effect.acquireRelease(
        Effect.sync(() => fleet.onChange(() => Queue.offerUnsafe(changed, undefined))),
        (undo) => Effect.sync(undo),
      )
      yield* follow(keys, listeners, changed, first).pipe(Effect.forkScoped)
      yield* Effect.timeoutOption(Deferred.await(first), FIRST_WITHIN)

      return KeyRing.of({
        keyOf: (backend) => keys.keyOf(backend),
        withoutKey: () => new Map([...keys.troubles].map(([backend, { reason }]) => [backend, reason])),
        onChange: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      })
    }),
  )
}

const elapsed = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

/** Fetches what is wanted at every change; what is in trouble again and again, with pauses that grow. */
const follow = Effect.fnUntraced(function* (
  keys: HeldKeys,
  listeners: ReadonlySet<() => void>,
  changed: Queue.Dequeue<void>,
  first: Deferred.Deferred<void>,
) {
  for (let [pause, dueAt] = [FIRST_PAUSE, 0]; ;) {
    const isDue = (yield* elapsed) >= dueAt
    const isWorse = yield* fetchWanted(keys, isDue, listeners)
    yield* Deferred.succeed(first, undefined)
    if (keys.troubles.size === 0) {
      yield* Queue.take(changed)
      continue
    }
    const now = yield* elapsed
    if (isWorse || isDue) {
      pause = isWorse ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE)
      dueAt = now + pause
    }
    yield* Effect.timeoutOption(Queue.take(changed), dueAt - now)
  }
})

/** True if there is trouble that there was not before. */
const fetchWanted = Effect.fnUntraced(function* (
  keys: HeldKeys,
  again: boolean,
  listeners: ReadonlySet<() => void>,
) {
  keys.forgetOld()
  const found = yield* Effect.forEach(
    keys.wanted(again),
    (backend) => Effect.map(fetch(backend), (answer) => [backend.id, answer] as const),
    { concurrency: AT_ONCE },
  )
  const news = found.filter(([backend, answer]) => keys.learn(backend, answer))
  if (news.length > 0) {
    for (const listener of listeners) {
      yield* Effect.sync(listener).pipe(
        Effect.catchCause((cause) => Effect.logError("a listener of the key ring failed", cause)),
      )
    }
  }
  const troubles = news.flatMap(([backend, answer]) => ("key" in answer ? [] : [{ ...answer, backend }]))
  yield* report(troubles)
  return troubles.length > 0
})

const fetch = Effect.fnUntraced(
  function* ({ id, key_version: version }: KnownBackend) {
    const key = yield* (yield* KeyVault).get(id, version)
    if (key !== undefined) return { version, key } satisfies Held
    return {
      version,
      kind: "missing",
      reason: "it is not in the key vault: set the key anew",
    } satisfies Trouble
  },
  (fetching, { key_version: version }) =>
    fetching.pipe(
      Effect.catchTags({
        KeyUnreadable: ({ reason }) => Effect.succeed<Trouble>({ version, kind: "unreadable", reason }),
        KeyVaultUnavailable: ({ message: reason }) =>
          Effect.succeed<Trouble>({ version, kind: "away", reason }),
      }),
    ),
)

/** Once for each trouble; that the vault is away, once for all backends together. */
const report = Effect.fnUntraced(function* (troubles: ReadonlyArray<Trouble & { readonly backend: string }>) {
  const away = troubles.filter(({ kind }) => kind === "away")
  for (const { backend, kind, reason } of troubles) {
    if (kind !== "away") yield* Effect.logError(`backend ${backend} has no key: ${reason}`)
  }
  if (away[0] === undefined) return
  const whose = away.length === 1 ? `backend ${away[0].backend}` : `${away.length} backends`
  yield* Effect.logWarning(`the key of ${whose} is fetched until it is here: ${away[0].reason}`)
})
