import { Result } from "effect"
import { isAdmin } from "../domain/Actor.ts"
import type { RosterMember } from "../projections/Roster.ts"
import { BadParameter } from "./EdgeRefusal.ts"
import { versionIn } from "./tag.ts"

/** Everything around a question or a command that its input does not hold, whatever door it came by. */
export interface Asked {
  readonly member: RosterMember
  /** `Idempotency-Key`: the member's own name for a command. */
  readonly key: string | undefined
  /** `If-Match`: the versions that will do, `undefined` for any. */
  readonly ifMatch: ReadonlyArray<number> | undefined
  /** `Crewlog-Claim`. */
  readonly claim: number | undefined
  /** `Crewlog-Min-Seq`: the position that an answer has to show. */
  readonly minSeq: number | undefined
  /** `Prefer: respond-async`. */
  readonly isAsync: boolean
  /** The name under which everything that follows from the request is found. */
  readonly correlation: string
  /** The connection that it came by, as far as the door knows. */
  readonly source: string
  /** Bytes of what was sent. */
  readonly bytes: number
  /** The fingerprint that this door took of a request in logs of Crewlog 0.1, for keys that were used then. */
  readonly olderFingerprint: () => string
}

/** Headers by their names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>

type Parsed<Value> = Result.Result<Value, BadParameter>
const bad = (field: string, message: string) =>
  Result.fail(new BadParameter({ errors: [{ field, message }] }))

const KEY = /^[\x21-\x7e]{1,200}$/
const keyOf = (headers: Headers): Parsed<string | undefined> => {
  const key = headers["idempotency-key"]
  return key === undefined || KEY.test(key)
    ? Result.succeed(key)
    : bad("Idempotency-Key", "must be 1 to 200 printable ASCII characters without blanks")
}

const position = (headers: Headers, name: string): Parsed<number | undefined> => {
  const text = headers[name.toLowerCase()]
  if (text === undefined) return Result.succeed(undefined)
  return /^\d{1,15}$/.test(text) ? Result.succeed(Number(text)) : bad(name, "must be a position in the log")
}

const TAGS = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W\/)?"[\x21\x23-\x7e]*"\s*)*$/
const TAG = /(W\/)?"([\x21\x23-\x7e]*)"/g
/** Weak and foreign tags never match (RFC 9110): they stand as version 0, which nothing has. */
const ifMatchOf = (headers: Headers): Parsed<ReadonlyArray<number> | undefined> => {
  const text = headers["if-match"]
  if (text === undefined || text.trim() === "*") return Result.succeed(undefined)
  if (!TAGS.test(text)) return bad("If-Match", 'must be *, or entity tags such as "17", comma-separated')
  return Result.succeed(
    [...text.matchAll(TAG)].map(([, weak, tag = ""]) => (weak === undefined ? versionIn(tag) : 0)),
  )
}

const PREFERENCE = /(?:^|,)\s*respond-async\s*(?:$|[,;])/i

/** The part of a request that its headers say, by REST's names for them. */
export const askedBy = (headers: Headers) =>
  Result.map(
    Result.all({
      key: keyOf(headers),
      claim: position(headers, "Crewlog-Claim"),
      minSeq: position(headers, "Crewlog-Min-Seq"),
      ifMatch: ifMatchOf(headers),
    }),
    (asked) => ({
      ...asked,
      isAsync: headers["prefer"] !== undefined && PREFERENCE.test(headers["prefer"]),
    }),
  )

const REQUEST = /^[\x21-\x7e]{1,128}$/
/** The client's name for the request, when it is a fit one. */
export const requestIdOf = (headers: Headers): string | undefined => {
  const id = headers["x-request-id"]
  return id !== undefined && REQUEST.test(id) ? id : undefined
}

const TRACE = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
/** A W3C trace context, when it is one. */
export const traceOf = (text: string | undefined): string | undefined =>
  text !== undefined && TRACE.test(text) ? text : undefined

/** The member as the log names it. */
export const actorOf = ({ name, role, slug, type }: RosterMember) => ({ name, role, slug, type })

/** True if the admin who was let in with a token would still be: now, with the same one. */
export const isStillAdmin = ({ token_hash }: RosterMember, now: RosterMember | undefined): boolean =>
  now?.is_enabled === true && isAdmin(actorOf(now)) && now.token_hash === token_hash
