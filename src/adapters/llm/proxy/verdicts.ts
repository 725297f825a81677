import type { IncomingHttpHeaders } from "node:http"
import type { Call } from "./Call.ts"
import { type Judgement, judge, type Request, statusOfError } from "./judge.ts"
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
  /** The backend does not know `stream_options`, or does not like them. */
  | { readonly kind: "no_stream_options" }

export const served: Verdict = { kind: "served" }
export const refused = (judgement: Judgement): Verdict => ({ kind: "refused", judgement })

/** Takes an answer in, piece by piece. */
export interface Answer {
  /** The newest pieces said something: comments and blank lines are no signs of life. */
  isAlive: boolean
  /** The caller has a part of it: no other backend can serve any more. */
  readonly isCommitted: boolean
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

/** Judges an error that came under a 200. */
export const judgeError = (error: UpstreamError, headers: IncomingHttpHeaders, request: Request): Judgement =>
  judge({ ...request, status: statusOfError(error), headers, error, now: Date.now() })
