import { Context, Result } from "effect"
import type { Headers } from "effect/http/Headers"
import type { Envelope } from "../../commands/Envelope.ts"
import { isAdmin } from "../../domain/Actor.ts"
import type { RosterMember } from "../../projections/Roster.ts"
import { AdminsOnly, BadParameter, NotYourself } from "../EdgeRefusal.ts"

/** What the gate knows of one request: who calls, and what its headers ask for. */
export class Exchange extends Context.Service<
  Exchange,
  {
    readonly member: RosterMember
    /** As sent: path and query. */
    readonly url: string
    /** For a command; reads have one that nobody uses. */
    readonly envelope: Envelope
    /** `If-Match`: the versions that will do, `undefined` for any. */
    readonly ifMatch: ReadonlyArray<number> | undefined
    readonly ifNoneMatch: string | undefined
    /** `Crewlog-Claim`. */
    readonly claim: number | undefined
    /** `Crewlog-Min-Seq`. */
    readonly minSeq: number | undefined
    /** `Prefer: respond-async`. */
    readonly isAsync: boolean
    /** Size of the body. */
    readonly bytes: number
  }
>()("crewlog/adapters/http/Exchange") {}

type Parsed<A> = Result.Result<A, BadParameter>
const bad = (field: string, message: string) =>
  Result.fail(new BadParameter({ errors: [{ field, message }] }))

const KEY = /^[\x21-\x7e]{1,200}$/
/** The client's name for the command, when it chose one. */
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
    [...text.matchAll(TAG)].map(([, weak, tag = ""]) =>
      weak === undefined && /^\d{1,15}$/.test(tag) ? Number(tag) : 0,
    ),
  )
}

/** Whether a reader has this version already: weak comparison, as RFC 9110 has it for reads. */
export const isKnown = (ifNoneMatch: string | undefined, version: number): boolean =>
  ifNoneMatch !== undefined &&
  (ifNoneMatch.trim() === "*" || [...ifNoneMatch.matchAll(TAG)].some(([, , tag]) => tag === String(version)))

const PREFERENCE = /(?:^|,)\s*respond-async\s*(?:$|[,;])/i

/** What a request's headers ask for. */
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
      ifNoneMatch: headers["if-none-match"],
      isAsync: headers.prefer !== undefined && PREFERENCE.test(headers.prefer),
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

/** Whom the caller acts for: itself, or anyone if it is an admin. */
export const actingAs = ({ envelope: { actor } }: Exchange["Service"], slug: string | undefined) =>
  slug === undefined || slug === actor.slug || isAdmin(actor)
    ? Result.succeed(slug ?? actor.slug)
    : Result.fail(new NotYourself({ slug }))

export const adminsOnly = ({ envelope: { actor } }: Exchange["Service"], what: string) =>
  isAdmin(actor) ? Result.void : Result.fail(new AdminsOnly({ what }))

/** Whether the admin who was let in with a token would still be: now, with the same one. */
export const isStillAdmin = ({ token_hash }: RosterMember, now: RosterMember | undefined): boolean =>
  now?.is_enabled === true && now.role === "admin" && now.token_hash === token_hash
