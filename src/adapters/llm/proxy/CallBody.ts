import { isAscii, isUtf8 } from "node:buffer"
import { createHash } from "node:crypto"
import { type ApiError, apiError, badRequest } from "./apiErrors.ts"
import { type Asking, changesFor } from "./compat.ts"
import { editsOf } from "./fieldChanges.ts"
import { type Edit, eachField, type Fields, isFields, type Span, spliced, valueBehind } from "./jsonFields.ts"
import type { ProxyRoute } from "./proxyRoutes.ts"

const LONGEST_NAME = 200
const JSON_TYPE = /^\s*application\/json\s*(;|$)/i

/** The reason that a body can't be one, as its headers say. */
export const refusalOfHeaders = (headers: {
  readonly "content-type"?: string | undefined
  readonly "content-encoding"?: string | undefined
}): ApiError | undefined => {
  const encoding = headers["content-encoding"]
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    return apiError(415, "invalid_request_error", "unsupported_encoding", "The body must not be encoded.")
  }
  return JSON_TYPE.test(headers["content-type"] ?? "")
    ? undefined
    : apiError(415, "invalid_request_error", "unsupported_content_type", "Send the body as application/json.")
}

const parsed = (bytes: Buffer, text: string): unknown => {
  try {
    return JSON.parse(text.length === bytes.length && isAscii(bytes) ? text : bytes.toString("utf8"))
  } catch {
    return undefined
  }
}

const isName = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length <= LONGEST_NAME &&
  /\S/.test(value) &&
  value.isWellFormed() &&
  !value.includes("\0")

interface Places {
  readonly models: ReadonlyArray<Span>
  readonly streamOptions: ReadonlyArray<Span>
}

const NO_PLACES: ReadonlyArray<Span> = []
const MODEL = '"model"'

/** Most bodies have the word once, and no escapes that could hide another: then that is where the model stands. */
const singlePlaceIn = (text: string): Places | undefined => {
  const at = text.indexOf(MODEL)
  const isSingle =
    at >= 0 && text.indexOf(MODEL, at + 1) < 0 && !text.includes("\\u") && !text.includes('"stream_options"')
  const span = isSingle ? valueBehind(text, at + MODEL.length) : undefined
  return span && { models: [span], streamOptions: NO_PLACES }
}

const placesIn = (text: string): Places => {
  const single = singlePlaceIn(text)
  if (single !== undefined) return single
  const models: Array<Span> = []
  const streamOptions: Array<Span> = []
  eachField(text, 0, (key, start, end) => {
    if (key === "model") models.push({ start, end })
    else if (key === "stream_options") streamOptions.push({ start, end })
  })
  return { models, streamOptions }
}

/** The request of a caller: the bytes as they came, and as each backend wants them. */
export class CallBody {
  readonly fields: Fields
  /** As the caller named it. */
  readonly model: string
  readonly isStream: boolean
  readonly #bytes: Buffer
  readonly #path: string
  /** The places of the model: more than once where a key is repeated, and all of them are rewritten. */
  readonly #models: ReadonlyArray<Span>
  readonly #streamOptions: ReadonlyArray<Span>
  /** Behind the opening brace. */
  readonly #inside: number

  private constructor(bytes: Buffer, text: string, fields: Fields, model: string, route: ProxyRoute) {
    const { models, streamOptions } = placesIn(text)
    this.fields = fields
    this.model = model
    this.isStream = route.canStream && fields["stream"] === true
    this.#bytes = bytes
    this.#path = route.path
    this.#models = models
    this.#streamOptions = streamOptions
    this.#inside = text.indexOf("{") + 1
  }

  /** Reads a body, or says what is wrong with it. */
  static of(bytes: Buffer, route: ProxyRoute): CallBody | ApiError {
    if (!isUtf8(bytes)) return badRequest("invalid_json", "The body is not UTF-8.")
    // One character a byte: places in the text are places in the bytes.
    const text = bytes.toString("latin1")
    const fields = parsed(bytes, text)
    if (fields === undefined) return badRequest("invalid_json", "The body can't be read as JSON.")
    if (!isFields(fields)) return badRequest("invalid_json", "The body must be a JSON object.")
    const { model, stream } = fields
    if (!isName(model)) {
      return badRequest("invalid_model", `model must be text of 1 to ${LONGEST_NAME} characters.`, "model")
    }
    if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
      return badRequest("invalid_stream", "stream must be true or false.", "stream")
    }
    if (route.wire === "responses" && fields["background"] === true) {
      return badRequest(
        "not_supported",
        "Ask without background: what became of it could not be asked for here.",
        "background",
      )
    }
    return new CallBody(bytes, text, fields, model, route)
  }

  /** The same for the same bytes: made where it is asked for. */
  get digest(): string {
    return createHash("sha256").update(this.#bytes).digest("base64")
  }

  /** True if the caller wants the usage of a stream told at its end. */
  get wantsUsage(): boolean {
    const options = this.fields["stream_options"]
    return isFields(options) && options["include_usage"] === true
  }

  /** As the backend with this mapping wants it; `withUsage`: it is asked to tell the usage of the stream. */
  forBackend(mapping: Asking, withUsage: boolean): Buffer {
    const { native_id } = mapping
    const edits: Array<Edit> = []
    if (native_id !== this.model || this.#models.length > 1) {
      const text = JSON.stringify(native_id)
      for (const span of this.#models) edits.push({ ...span, text })
    }
    if (withUsage) edits.push(...this.#askingUsage())
    const changes = changesFor(this.#path, this.fields, mapping)
    if (changes !== undefined) edits.push(...editsOf(this.#bytes.toString("latin1"), changes))
    return spliced(
      this.#bytes,
      edits.length < 2 ? edits : edits.toSorted((one, other) => one.start - other.start),
    )
  }

  #askingUsage(): ReadonlyArray<Edit> {
    const options = this.fields["stream_options"] ?? {}
    // Anything but an object is for the provider to refuse.
    if (!isFields(options)) return []
    const text = JSON.stringify({ ...options, include_usage: true })
    return this.#streamOptions.length === 0
      ? [{ start: this.#inside, end: this.#inside, text: `"stream_options":${text},` }]
      : this.#streamOptions.map((span) => ({ ...span, text }))
  }
}
