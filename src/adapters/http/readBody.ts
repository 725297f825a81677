import { ByteSize, Effect } from "effect"
import { HttpIncomingMessage, type HttpServerRequest } from "effect/http"
import { BodyTooLarge, MalformedJson, UnsupportedContentType } from "../../operations/EdgeRefusal.ts"

/** A body that was read, and its size. */
export interface JsonBody {
  readonly bytes: number
  readonly value: unknown
}

/** Bytes that one request may have. */
export const LARGEST = 1024 * 1024
const DEEPEST = 32
const utf8 = new TextDecoder("utf-8", { fatal: true })
const none: JsonBody = { bytes: 0, value: undefined }

/** Nothing comes along: chunks may still turn out to be none. */
const isEmpty = ({ headers }: HttpServerRequest.HttpServerRequest) =>
  headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0"

const isJson = (type: string | undefined) => type !== undefined && /^\s*application\/json\s*(;|$)/i.test(type)

/** True if arrays and objects lie deeper than 32, seen without building them. */
const isTooDeep = (text: string): boolean => {
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at)
    if (quoted) {
      if (char === 0x5c) at += 1
      else if (char === 0x22) quoted = false
    } else if (char === 0x22) quoted = true
    else if (char === 0x7b || char === 0x5b) {
      depth += 1
      if (depth > DEEPEST) return true
    } else if (char === 0x7d || char === 0x5d) depth -= 1
  }
  return false
}

/** JSON that is fit to be read: UTF-8, not too deep. */
export const readJson = Effect.fnUntraced(function* (bytes: ArrayBuffer | Uint8Array) {
  const text = yield* Effect.try({
    try: () => utf8.decode(bytes),
    catch: () => new MalformedJson({ reason: "The body is not UTF-8." }),
  })
  if (isTooDeep(text)) return yield* new MalformedJson({ reason: `The body is deeper than ${DEEPEST}.` })
  const value = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: () => new MalformedJson({ reason: "The body can't be parsed." }),
  })
  return { bytes: bytes.byteLength, value }
})

/** The refusal of a body that is no plain JSON, by its headers. */
const unsupported = ({ headers }: HttpServerRequest.HttpServerRequest) => {
  const { "content-encoding": encoding, "content-type": type } = headers
  if (!isJson(type)) return new UnsupportedContentType({ sent: type ?? "" })
  return encoding === undefined ? undefined : new UnsupportedContentType({ sent: `encoded as ${encoding}` })
}

const readBytes = <Refusal>(
  request: HttpServerRequest.HttpServerRequest,
  most: number,
  tooLarge: Refusal,
): Effect.Effect<ArrayBuffer, Refusal | MalformedJson> =>
  request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(most)),
    Effect.mapError(({ reason }) =>
      reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
        ? tooLarge
        : new MalformedJson({ reason: "The body did not arrive whole." }),
    ),
  )

/**
 * Reads what came along: JSON of at most 1 MiB, or nothing, however nothing is framed. The request keeps what was
 * read, so that the route can read it again.
 */
export const readBody = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
  if (isEmpty(request)) return none
  const refusal = unsupported(request)
  const isChunked = request.headers["transfer-encoding"] !== undefined
  if (refusal !== undefined && !isChunked) return yield* refusal
  const tooLarge = new BodyTooLarge({ limit: LARGEST })
  if (Number(request.headers["content-length"] ?? 0) > LARGEST) return yield* tooLarge
  const bytes = yield* refusal === undefined
    ? readBytes(request, LARGEST, tooLarge)
    : readBytes(request, 1, refusal)
  if (isChunked && bytes.byteLength === 0) return none
  return refusal === undefined ? yield* readJson(bytes) : yield* refusal
})
