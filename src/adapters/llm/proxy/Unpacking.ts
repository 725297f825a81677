import type { IncomingHttpHeaders } from "node:http"
import type { Transform } from "node:stream"
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from "node:zlib"

/** The content codings that there are; what is named besides, such as `none` or `utf-8`, changes nothing. */
const CODINGS = new Set(["gzip", "x-gzip", "compress", "x-compress", "deflate", "br", "zstd"])
/** The end of what is packed may be missing: browsers, and node's `fetch`, take no offence. */
const lenient = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
const unpackers: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(lenient),
  "x-gzip": () => createGunzip(lenient),
  deflate: () => createInflate(lenient),
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** Bytes that may unpack to however few there were; beyond that each stands for so many at most. */
const [ANYWAY, MOST_FOR_EACH] = [1024 * 1024, 100]

/** The coding that an answer is packed in, though it was asked for as it is; undefined when it is in none. */
export const codingOf = ({ "content-encoding": codings }: IncomingHttpHeaders): string | undefined =>
  codings
    ?.split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => CODINGS.has(coding))
    .join() || undefined

interface Taker {
  readonly take: (bytes: Buffer) => void
  /** Called when it can't be unpacked, or comes to far more than it was. */
  readonly fail: () => void
}

/** Takes an answer out of its coding, as it comes. */
export class Unpacking {
  readonly #unpacker: Transform
  #packed = 0
  #unpacked = 0

  private constructor(unpacker: Transform, { fail, take }: Taker) {
    this.#unpacker = unpacker
    unpacker.on("data", (bytes: Buffer) => {
      this.#unpacked += bytes.length
      if (this.#unpacked <= Math.max(ANYWAY, this.#packed * MOST_FOR_EACH)) return take(bytes)
      unpacker.destroy()
      fail()
    })
    unpacker.on("error", fail)
  }

  /** Undefined for a coding that nobody uses. */
  static of(coding: string, taker: Taker): Unpacking | undefined {
    const make = unpackers[coding]
    return make && new Unpacking(make(), taker)
  }

  write(bytes: Buffer): void {
    this.#packed += bytes.length
    this.#unpacker.write(bytes)
  }

  /** Calls back when all of it is unpacked. */
  end(done: () => void): void {
    this.#unpacker.once("end", done).end()
  }

  destroy(): void {
    this.#unpacker.destroy()
  }
}
