/** The way of telling errors that a route has. */
export type Dialect = "openai" | "anthropic"

/** The error that a caller is told; `code` is stable, texts are not. */
export interface ApiError {
  readonly status: number
  readonly type: string
  readonly code: string | null
  readonly param: string | null
  readonly message: string
  /** The wait after which it may work; absent where waiting does not help. */
  readonly retryAfterMillis?: number
  readonly headers?: Readonly<Record<string, string>>
}

export const apiError = (
  status: number,
  type: string,
  code: string,
  message: string,
  more: Partial<ApiError> = {},
): ApiError => ({ status, type, code, param: null, message, ...more })

export const badRequest = (code: string, message: string, param: string | null = null): ApiError =>
  apiError(400, "invalid_request_error", code, message, { param })

const anthropicTypes: Record<number, string> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
}

/** Types of Anthropic's API only: its clients go by them, and ask again for those of an overload. */
const anthropicType = ({ status }: ApiError): string =>
  anthropicTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error")

/** The object under `error`, in each one's own shape. */
export const errorBody = (dialect: Dialect, error: ApiError): object => {
  const { code, message, param, type } = error
  return dialect === "anthropic"
    ? { type: "error", error: { type: anthropicType(error), message } }
    : { error: { message, type, param, code } }
}

/** The same in the middle of a stream, where no status can tell it any more. */
export const errorEvent = (wire: "openai" | "anthropic" | "responses", error: ApiError): string => {
  if (wire === "openai") return `data: ${JSON.stringify(errorBody("openai", error))}\n\n`
  if (wire === "anthropic") return `event: error\ndata: ${JSON.stringify(errorBody("anthropic", error))}\n\n`
  const { code, message, param } = error
  const data = { type: "error", code, message, param, ...errorBody("openai", error) }
  return `event: error\ndata: ${JSON.stringify(data)}\n\n`
}

/** Asking again changes nothing of these, and some clients try for minutes before they show them. */
const FINAL: ReadonlySet<number> = new Set([401, 402, 403, 404])

/** The headers that an error goes out with. */
export const errorHeaders = (
  dialect: Dialect,
  { headers, retryAfterMillis, status }: ApiError,
  requestId: string,
): Record<string, string> => ({
  ...requestIds(dialect, requestId),
  ...(FINAL.has(status) ? { "x-should-retry": "false" } : {}),
  ...(retryAfterMillis === undefined ? {} : waitingHeaders(retryAfterMillis)),
  ...headers,
})

/** The id of a request, where each one's clients look for it. */
export const requestIds = (dialect: Dialect, id: string): Record<string, string> =>
  dialect === "anthropic" ? { "x-request-id": id, "request-id": id } : { "x-request-id": id }

/** From here on OpenAI's clients take `Retry-After` for none and ask again at once, unless they are told not to. */
const TOO_LONG_TO_WAIT = 60_000

/** Headers that tell a client when to come again. */
const waitingHeaders = (millis: number): Record<string, string> => ({
  "retry-after": String(Math.max(1, Math.ceil(millis / 1000))),
  "retry-after-ms": String(Math.max(0, Math.ceil(millis))),
  ...(millis >= TOO_LONG_TO_WAIT ? { "x-should-retry": "false" } : {}),
})
