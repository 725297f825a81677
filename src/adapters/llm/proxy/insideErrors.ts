import { type Fields, fieldsOf, isFields } from "./jsonFields.ts"
import { isError, type UpstreamError, upstreamErrorOf } from "./upstreamErrors.ts"

const brokenOff: UpstreamError = { message: "", type: "upstream_error", code: null, param: null }

/** OpenRouter tells a failure in the choice that it befell. */
const inChoices = (choices: unknown): UpstreamError | undefined => {
  if (!Array.isArray(choices)) return undefined
  for (const choice of choices) {
    const { error, finish_reason } = fieldsOf(choice)
    if (isError(error)) return upstreamErrorOf({ error })
    if (finish_reason === "error") return brokenOff
  }
  return undefined
}

/** MiniMax tells a failure beside the answer that it is not; 0 stands for success. */
const inBaseResponse = (response: unknown): UpstreamError | undefined => {
  if (!isFields(response)) return undefined
  const { status_code: code, status_msg: message } = response
  if (typeof code !== "number" || code === 0) return undefined
  return {
    message: typeof message === "string" ? message : "",
    type: null,
    code: `base_resp_${code}`,
    param: null,
  }
}

/** An error without a field of that name, in place of an answer. */
const bare = (fields: Fields): UpstreamError | undefined => {
  const { choices, code, message, object } = fields
  const isBare = choices === undefined && typeof message === "string"
  return isBare && (object === "error" || typeof code === "string") ? upstreamErrorOf(fields) : undefined
}

/** The error in what came under a 200, whole or as an event; undefined when there is none. */
export const errorInside = (fields: Fields): UpstreamError | undefined =>
  isError(fields["error"])
    ? upstreamErrorOf(fields)
    : (inChoices(fields["choices"]) ?? inBaseResponse(fields["base_resp"]) ?? bare(fields))

/** True for a whole answer on this route (behind `/v1/`) that has the part it is for, be it empty. */
export const hasAnswer = (path: string, fields: Fields): boolean => {
  const { choices, content, data, input_tokens, output, status } = fields
  switch (path) {
    case "chat/completions":
    case "completions":
      return Array.isArray(choices) && choices.length > 0
    case "embeddings":
      return Array.isArray(data)
    case "responses":
      return status !== "failed" && (Array.isArray(output) || typeof status === "string")
    case "messages":
      return Array.isArray(content)
    default:
      return typeof input_tokens === "number"
  }
}
