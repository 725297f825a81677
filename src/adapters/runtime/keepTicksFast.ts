import { executionAsyncResource } from "node:async_hooks"

const kept: Array<object> = []

/**
 * Keeps one of the objects that stand for calls of `process.nextTick`. While there is none, a collection of garbage
 * takes their hidden class away; V8 makes each later one property by property then, in eight times the time, for as
 * long as the process runs. That was 6 of the 95 µs that a request to a provider took. To be awaited before anything
 * large is loaded.
 */
export const keepTicksFast = (): Promise<void> =>
  new Promise((done) =>
    process.nextTick(() => {
      kept.push(executionAsyncResource())
      done()
    }),
  )
