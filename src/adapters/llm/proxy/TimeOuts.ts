export interface TimeOutMillis {
  readonly connect: number
  /** From the connection to the headers of the answer. */
  readonly firstByte: number
  /** From one piece of data to the next. */
  readonly idle: number
  /** From the start to the end of the answer, or until a stream begins to put out. */
  readonly total: number
  /** From the start to the end of a stream that puts out. */
  readonly stream: number
}

/**
 * The times that one try may take. One timer for all of them: what is put off is only written down, and looked at
 * when the timer rings.
 */
export class TimeOuts {
  readonly #millis: TimeOutMillis
  readonly #runOut: (error: string) => void
  #timer: NodeJS.Timeout | undefined
  #verdict: NodeJS.Immediate | undefined
  #ringsAt = 0
  #phase = "connect_timeout"
  #phaseEnds = 0
  #since = 0
  #ends = 0
  #isPaused = false

  constructor(millis: TimeOutMillis, runOut: (error: string) => void) {
    this.#millis = millis
    this.#runOut = runOut
    this.start()
  }

  start(): void {
    this.#since = performance.now()
    this.#ends = this.#since + this.#millis.total
    this.#enter("connect_timeout", this.#since + this.#millis.connect)
  }

  connected(): void {
    this.#enter("first_byte_timeout", performance.now() + this.#millis.firstByte)
  }

  /** Data came, or the caller takes data again. */
  heard(): void {
    this.#isPaused = false
    this.#enter("idle_timeout", performance.now() + this.#millis.idle)
  }

  /** All of the rest is to come within this time. */
  hurry(millis: number): void {
    this.#enter("idle_timeout", performance.now() + millis)
  }

  /** From now on it is a stream that puts out. */
  committed(): void {
    this.#ends = this.#since + this.#millis.stream
  }

  /** We do not want any data just now. */
  pause(): void {
    this.#isPaused = true
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#verdict)
    this.#timer = undefined
  }

  #enter(phase: string, ends: number): void {
    this.#phase = phase
    this.#phaseEnds = ends
    const at = Math.min(ends, this.#ends)
    if (this.#timer === undefined || at < this.#ringsAt) this.#setFor(at)
  }

  #setFor(at: number): void {
    clearTimeout(this.#timer)
    this.#ringsAt = at
    this.#timer = setTimeout(() => this.#ring(), Math.max(1, Math.ceil(at - performance.now())))
  }

  /** Data may have come while this process was busy: it is read in one turn of the loop, and nobody blamed before the next. */
  #ring(): void {
    if (!this.#isDue()) return
    this.#verdict = setImmediate(() => {
      this.#verdict = setImmediate(() => this.#decide())
    })
  }

  #decide(): void {
    if (this.#isDue()) this.#runOut(performance.now() >= this.#ends ? "total_timeout" : this.#phase)
  }

  /** Sets the timer anew when it is not. */
  #isDue(): boolean {
    const now = performance.now()
    const phaseEnds = this.#isPaused ? now + this.#millis.idle : this.#phaseEnds
    const at = Math.min(phaseEnds, this.#ends)
    if (now < at) this.#setFor(at)
    return now >= at
  }
}
