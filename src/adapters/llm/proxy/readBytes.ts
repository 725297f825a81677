import type { IncomingMessage } from "node:http"
import { Pieces } from "./Pieces.ts"
import { watchUpload } from "./uploads.ts"

/** A body that is too large is read, and thrown away, up to so many times the limit, so that its sender hears why. */
const PATIENCE = 4

type Read = (bytes: Buffer | "too_large" | "too_slow" | "cut_off") => void

/** Reads a request's body of at most `limit` bytes, and calls back once. */
export const readBytes = (request: IncomingMessage, limit: number, done: Read): void => {
  const declared = Number(request.headers["content-length"] ?? 0)
  if (declared > limit * PATIENCE) return done("too_large")
  let pieces = new Pieces()
  let size = 0
  let isOver = false
  const over: Read = (bytes) => {
    if (isOver) return
    isOver = true
    endWatch()
    done(bytes)
  }
  const endWatch = watchUpload(request, () => over("too_slow"))
  request.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) return pieces.add(chunk)
    pieces = new Pieces()
    if (size > limit * PATIENCE) over("too_large")
  })
  request.on("end", () => over(size > limit ? "too_large" : pieces.whole))
  request.on("error", () => over("cut_off"))
  request.on("close", () => over("cut_off"))
}
