import { type ApiError, apiError, badRequest } from "./apiErrors.ts"
import type { CallerRefusal, LimitRefusal } from "../../../gateway/metering/Caller.ts"
import { noSuchModel } from "./models.ts"
import type { NoLease } from "../../../gateway/routing/Route.ts"

const unauthorized = (message: string) =>
  apiError(401, "authentication_error", "unauthorized", message, {
    headers: { "www-authenticate": 'Bearer realm="crewlog"' },
  })

/** The refusal of a caller who is not let in, and why. */
export const refusalOfCaller = (refusal: CallerRefusal): ApiError => {
  switch (refusal.kind) {
    case "no_token":
      return unauthorized("Send your token as `Authorization: Bearer <token>`, or as `x-api-key`.")
    case "unknown_token":
      return unauthorized("The token is not, or no longer, anybody's.")
    case "member_disabled":
      return apiError(
        403,
        "permission_error",
        "member_disabled",
        "The member is disabled: an admin can enable it.",
      )
    case "bad_header":
      return badRequest("bad_header", `${refusal.header} should be ${refusal.expected}.`, refusal.header)
  }
}

const limits = {
  requests_per_minute: "requests a minute",
  tokens_per_day: "tokens a day",
  usd_per_day: "USD a day",
}

/** The time until the next day, to the minute. */
const untilTomorrow = (seconds: number): string => {
  const minutes = Math.ceil(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Our own limits. A day's is no 429: clients would wait for hours without a word. */
export const refusalOfLimit = (refusal: LimitRefusal): ApiError => {
  const waiting = { retryAfterMillis: refusal.retryAfterSeconds * 1000 }
  if (refusal.kind === "not_ready") {
    return apiError(503, "service_unavailable", "not_ready", "The gateway is not ready yet.", waiting)
  }
  const { allowed, limit } = refusal
  if (limit !== "requests_per_minute") {
    const when = `The next day begins at 00:00 UTC, in ${untilTomorrow(refusal.retryAfterSeconds)}.`
    const text = `You have used up your ${allowed} ${limits[limit]}. ${when}`
    return apiError(402, "billing_error", limit, text)
  }
  const message = `You may use ${allowed} ${limits[limit]}: ask again after the time in Retry-After.`
  return apiError(429, "rate_limit_error", limit, message, waiting)
}

const SOON = 1000

/** The reason that no backend serves; undefined when nobody waits for an answer any more. */
export const refusalOfNoLease = (
  { kind, retryAfterMillis }: NoLease,
  model: string,
): ApiError | undefined => {
  if (kind === "aborted") return undefined
  if (kind === "unknown_model") return noSuchModel(model)
  const isFull = kind === "queue_full"
  return apiError(
    503,
    "AllPoolsExhausted",
    isFull ? "queue_full" : "all_pools_exhausted",
    isFull ? "Too many requests wait for this model already." : "No backend can serve this model just now.",
    { retryAfterMillis: Math.max(SOON, retryAfterMillis) },
  )
}

export const unexpected = apiError(
  500,
  "server_error",
  "internal_error",
  "Something went wrong: our log has the reason.",
)
/** Such an answer lies at one provider, under an account that many share. */
export const storedElsewhere = apiError(
  404,
  "invalid_request_error",
  "not_supported",
  "The gateway keeps no answers, nor where they were given: send `store: false`, and all that was said with each request.",
)
export const methodNotAllowed = (allow: string) =>
  apiError(405, "invalid_request_error", "method_not_allowed", `This route takes ${allow}.`, {
    headers: { allow },
  })
export const tooLarge = (limit: number) =>
  apiError(413, "invalid_request_error", "body_too_large", `The body may have ${limit} bytes.`, {
    headers: { connection: "close" },
  })
export const tooSlow = apiError(
  408,
  "invalid_request_error",
  "body_too_slow",
  "The body stood still for half a minute before all of it was here.",
  { headers: { connection: "close" } },
)
