import type { ServerResponse } from "node:http"
import { type ApiError, type Dialect, errorBody, errorHeaders } from "./apiErrors.ts"

/** Answers with JSON; the answer has not begun. */
export const answerJson = (
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>>,
): void => {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    ...headers,
  })
  response.end(text)
}

/** Answers with an error, in the shape of the API that is spoken; does nothing once an answer has begun. */
export const answerError = (
  response: ServerResponse,
  dialect: Dialect,
  error: ApiError,
  requestId: string,
): void => {
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(errorBody(dialect, error))
  answerJson(response, error.status, text, errorHeaders(dialect, error, requestId))
}
