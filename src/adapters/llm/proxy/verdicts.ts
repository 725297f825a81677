import type { IncomingHttpHeaders } from "node:http"
import { type Judgement, judge, statusOfError } from "./judge.ts"
import { retryDelayIn } from "./retryDelay.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import type { UpstreamError } from "./upstreamErrors.ts"

/** What one try at a backend came to. */
export type Verdict =
  /** The caller has the whole answer. */
  | { readonly kind: "served" }
  /** The caller has nothing yet: another backend may be tried, or the caller be told. */
  | { readonly kind: "refused"; readonly judgement: Judgement }
  /** The caller has a part of it, and was told that there will be no more. */
  | { readonly kind: "broken"; readonly judgement: Judgement }
  /** The client went away. */
  | { readonly kind: "gone" }
  /** The backend does not take `stream_options` that the caller did not send, or that is guessed. */
  | {
      readonly kind: "no_stream_options"
      readonly isGuessed: boolean
      /** What the refusal means where it is about something else. */
      readonly judgement: Judgement
    }

export const served: Verdict = { kind: "served" }
export const refused = (judgement: Judgement): Verdict => ({ kind: "refused", judgement })

/** Takes an answer in, piece by piece. */
export interface Answer {
  /** The caller has a part of it: no other backend can serve any more. */
  readonly isCommitted: boolean
  /** There is nothing more to say, though the end has not come: no failure can take anything from it. */
  readonly isComplete: boolean
  readonly push: (chunks: ReadonlyArray<Buffer>) => Verdict | undefined
  /** No more pieces come, and none is missing. */
  readonly end: () => Verdict
  /** No more pieces come, because of a failure. */
  readonly fail: (judgement: Judgement) => Verdict
}

/** Words of a provider that callers must not see, and what they see instead. */
export const insteadOf = (lease: Lease, model: string): ReadonlyArray<readonly [string, string]> => [
  [lease.route.key ?? "", "***"],
  [lease.mapping.native_id, model],
]

/** Judges an error that came under a 200, in this text. */
export const judgeError = (
  error: UpstreamError,
  text: string,
  headers: IncomingHttpHeaders,
  instead: ReadonlyArray<readonly [string, string]>,
): Judgement => {
  const now = Date.now()
  return judge({
    status: statusOfError(error),
    headers,
    error,
    now,
    instead,
    retryDelay: retryDelayIn(text, now),
  })
}
