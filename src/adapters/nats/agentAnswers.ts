import { headers, type MsgHdrs } from "@nats-io/nats-core"
import { problemText } from "../http/problems.ts"
import { type Failure, refusalOf } from "../refusals.ts"

/** What goes back to who asked. */
export interface Answer {
  readonly payload: string
  readonly headers: MsgHdrs
}

const withHeaders = (all: Readonly<Record<string, string | undefined>>): MsgHdrs => {
  const head = headers()
  for (const [name, value] of Object.entries(all)) if (value !== undefined) head.set(name, value)
  return head
}

/** How a command's answer is told, beside its body. */
interface Told {
  readonly seq: number
  readonly isProjected: boolean
  readonly trace: string | undefined
}

/** The answer to an accepted command. Its position is also the version that `If-Match` takes, as in REST. */
export const accepted = (body: object | undefined, { isProjected, seq, trace }: Told): Answer => ({
  payload: body === undefined ? "" : JSON.stringify(body),
  headers: withHeaders({
    "Crewlog-Seq": String(seq),
    "Crewlog-Projected": isProjected ? undefined : "false",
    traceparent: trace,
  }),
})

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu
const LONGEST = 300

/**
 * The refusal of a command as clients of NATS services know it (ADR-32): a number and a line in the headers.
 * The line begins with the stable code; the body is the problem that REST would answer.
 */
export const refused = (failure: Failure, { seq, trace }: Omit<Told, "isProjected">): Answer => {
  const refusal = refusalOf(failure)
  const { code, detail, retryAfter, status } = refusal
  return {
    payload: problemText(refusal),
    headers: withHeaders({
      "Nats-Service-Error-Code": String(status),
      "Nats-Service-Error": `${code}: ${detail}`.replaceAll(CONTROL, " ").slice(0, LONGEST).toWellFormed(),
      "Retry-After": retryAfter === undefined ? undefined : String(retryAfter),
      "Crewlog-Seq": String(seq),
      traceparent: trace,
    }),
  }
}
