import type { IncomingMessage } from "node:http"
import { Bag, type Bagged, OUTSIDE } from "../../Bag.ts"

/** Milliseconds that a body may stand still; it may take as long as it likes while bytes come. */
const STANDS_STILL = 30_000
const LOOK_EVERY = 1_000

/** The parts of a request that tell of its body. */
type Uploading = Pick<IncomingMessage, "complete" | "destroyed"> & {
  readonly socket: { readonly bytesRead: number }
}

interface Upload extends Bagged {
  readonly request: Uploading
  readonly tooSlow: () => void
  bytesRead: number
  since: number
}

/** The one timer that looks after all bodies that come in. */
class Uploads {
  readonly #uploads = new Bag<Upload>()
  #timer: NodeJS.Timeout | undefined

  add(upload: Upload): void {
    this.#uploads.add(upload)
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY).unref()
  }

  remove(upload: Upload): void {
    this.#uploads.remove(upload)
  }

  #look(): void {
    const now = performance.now()
    for (const upload of this.#uploads.all()) {
      const { bytesRead, request, since } = upload
      if (request.complete || request.destroyed) this.#uploads.remove(upload)
      else if (request.socket.bytesRead !== bytesRead) {
        upload.bytesRead = request.socket.bytesRead
        upload.since = now
      } else if (now - since >= STANDS_STILL) {
        this.#uploads.remove(upload)
        upload.tooSlow()
      }
    }
    if (!this.#uploads.isEmpty) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

const uploads = new Uploads()

/** Calls back once when the body of this request stands still for too long; answers what ends the watch. */
export const watchUpload = (request: Uploading, tooSlow: () => void): (() => void) => {
  const { bytesRead } = request.socket
  const upload: Upload = { request, tooSlow, bytesRead, since: performance.now(), place: OUTSIDE }
  uploads.add(upload)
  return () => uploads.remove(upload)
}
