import type { IncomingHttpHeaders } from "node:http"
import type { Call } from "./Call.ts"
import { type Judgement, judge, type Request, statusOfError } from "./judge.ts"
import { retryDelayIn } from "./retryDelay.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import { MASK, type UpstreamError } from "./upstreamErrors.ts"

/** The outcome of one try at a backend. */
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
      /** The meaning of the refusal where it is about something else. */
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

/** The parts of a request by which the answer to it is judged. */
export const requestOf = ({ body, route }: Call, { mapping, route: { key } }: Lease): Request => ({
  instead: [
    [key ?? "", MASK],
    [mapping.native_id, body?.model ?? ""],
  ],
  nativeId: mapping.native_id,
  route: route.path,
  hasTier: typeof body?.fields["service_tier"] === "string",
})

/** Judges an error that came under a 200, in this text. */
export const judgeError = (
  error: UpstreamError,
  text: string,
  headers: IncomingHttpHeaders,
  request: Request,
): Judgement => {
  const now = Date.now()
  const retryDelay = retryDelayIn(text, now)
  return judge({ ...request, status: statusOfError(error), headers, error, now, retryDelay })
}
