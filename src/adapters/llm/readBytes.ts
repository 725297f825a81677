import type { IncomingMessage } from "node:http"

/** A body that is too large is read, and thrown away, up to so many times the limit, so that its sender hears why. */
const PATIENCE = 4

type Read = (bytes: Buffer | "too_large" | "cut_off") => void

/** Reads a request's body of at most `limit` bytes, and calls back once. */
export const readBytes = (request: IncomingMessage, limit: number, done: Read): void => {
  const declared = Number(request.headers["content-length"] ?? 0)
  if (declared > limit * PATIENCE) return done("too_large")
  let first: Buffer | undefined
  let others: Array<Buffer> | undefined
  let size = 0
  let isOver = false
  const over: Read = (bytes) => {
    if (isOver) return
    isOver = true
    done(bytes)
  }
  request.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size > limit) {
      first = others = undefined
      if (size > limit * PATIENCE) over("too_large")
    } else if (first === undefined) first = chunk
    else (others ??= []).push(chunk)
  })
  request.on("end", () => {
    if (size > limit) return over("too_large")
    over(
      first === undefined
        ? Buffer.alloc(0)
        : others === undefined
          ? first
          : Buffer.concat([first, ...others]),
    )
  })
  request.on("error", () => over("cut_off"))
  request.on("close", () => over("cut_off"))
}
