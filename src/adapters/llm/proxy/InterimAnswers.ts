const CONTINUE = /^HTTP\/1\.[01] 100[ \r\n]/
/** The characters by which an interim answer is told from a final one. */
const TOLD_BY = 13
/** Bytes of an interim answer, with its headers, that are waited for. */
const LARGEST = 32 * 1024
const NONE: Buffer = Buffer.alloc(0)

/**
 * Takes every `100 Continue` from before the answer to a request. A client must be able to read those even where it did not
 * ask for any (RFC 9110, 15.2); undici takes the first for the end of its connection.
 */
export class InterimAnswers {
  #isAwaited = false
  #held: Buffer = NONE

  /** A request goes out: an answer comes next. */
  await(): void {
    this.#isAwaited = true
    this.#held = NONE
  }

  /** The part of these bytes that is no interim answer; all of them once the final one has begun. */
  take(chunk: Buffer): Buffer {
    if (!this.#isAwaited) return chunk
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = NONE
    for (;;) {
      const begin = bytes.toString("latin1", 0, TOLD_BY)
      const mayBe = "HTTP/1.1 100 ".startsWith(begin) || "HTTP/1.0 100 ".startsWith(begin)
      if (bytes.length < TOLD_BY && mayBe) return this.#hold(bytes)
      const end = CONTINUE.test(begin) ? bytes.indexOf("\r\n\r\n") : -1
      if (end < 0 && CONTINUE.test(begin) && bytes.length < LARGEST) return this.#hold(bytes)
      if (end < 0) {
        this.#isAwaited = false
        return bytes
      }
      bytes = bytes.subarray(end + 4)
    }
  }

  #hold(bytes: Buffer): Buffer {
    this.#held = bytes
    return NONE
  }
}
