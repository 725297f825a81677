import { headers, type MsgHdrs } from "@nats-io/nats-core"
import type { CarriedOut } from "../../operations/carryOut.ts"
import type { Answer } from "../../operations/Operation.ts"
import { type Failure, refusalOf } from "../../operations/refusals.ts"
import { tagOf } from "../../operations/tag.ts"
import { problemText } from "../http/problems.ts"

/** A message that goes back to the asker. */
export interface Reply {
  readonly payload: string
  readonly headers: MsgHdrs
}

const withHeaders = (all: Readonly<Record<string, string | undefined>>): MsgHdrs => {
  const head = headers()
  for (const [name, value] of Object.entries(all)) if (value !== undefined) head.set(name, value)
  return head
}

const text = (value: number | undefined) => (value === undefined ? undefined : String(value))

/** The answer to an accepted command. */
export const accepted = (
  { isProjected, seq, text: payload, version }: CarriedOut,
  traceparent: string | undefined,
): Reply => ({
  payload,
  headers: withHeaders({
    "Crewlog-Seq": String(seq),
    "Crewlog-Projected": isProjected ? undefined : "false",
    ETag: tagOf({ version }),
    traceparent,
  }),
})

/** The answer to a question. `Crewlog-Next` is JSON: the fields to add to the question for the next page. */
export const answered = (
  { body, more, next, seq, version }: Answer,
  traceparent: string | undefined,
): Reply => ({
  payload: JSON.stringify(body),
  headers: withHeaders({
    "Crewlog-Seq": text(seq),
    "Crewlog-Next": next === undefined ? undefined : JSON.stringify(next),
    ETag: tagOf({ version, more }),
    traceparent,
  }),
})

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu
const LONGEST = 300

/**
 * The refusal of a call as clients of NATS services know it (ADR-32): a number and a line in the headers.
 * The line begins with the stable code; the body is the problem that REST would answer.
 */
export const refused = (failure: Failure, seq: number, traceparent: string | undefined): Reply => {
  const refusal = refusalOf(failure)
  const { code, detail, retryAfter, status } = refusal
  return {
    payload: problemText(refusal),
    headers: withHeaders({
      "Nats-Service-Error-Code": String(status),
      "Nats-Service-Error": `${code}: ${detail}`.replaceAll(CONTROL, " ").slice(0, LONGEST).toWellFormed(),
      "Retry-After": text(retryAfter),
      "Crewlog-Seq": String(seq),
      traceparent,
    }),
  }
}
