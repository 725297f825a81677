import { Bag, type Bagged, OUTSIDE } from "../../Bag.ts"

export interface TimeOutMillis {
  readonly connect: number
  /** From the connection to the headers of the answer. */
  readonly firstByte: number
  /** From one sign of life to the next, be it a comment. */
  readonly idle: number
  /** From the start to the end of the answer, or until a stream begins to put out. */
  readonly total: number
  /** From the start to the end of a stream that puts out. */
  readonly stream: number
}

/** Milliseconds that may pass behind a finish until the end: the usage comes in them, and what filters found. */
const TAIL = 30_000
/** Milliseconds: nobody's time is up for longer before it is seen. */
const LOOK_EVERY = 50

/** A timer that looks after all: one for each would cost more than all else about it. */
class Watch {
  readonly #watched = new Bag<TimeOuts>()
  #timer: NodeJS.Timeout | undefined

  add(one: TimeOuts): void {
    this.#watched.add(one)
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY)
  }

  remove(one: TimeOuts): void {
    this.#watched.remove(one)
  }

  #look(): void {
    const now = performance.now()
    for (const one of this.#watched.all()) one.look(now)
    if (!this.#watched.isEmpty) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

const watch = new Watch()

/** The times that one try may take. */
export class TimeOuts implements Bagged {
  place = OUTSIDE
  readonly #millis: TimeOutMillis
  readonly #runOut: (error: string) => void
  #verdict: NodeJS.Immediate | undefined
  #phase = "connect_timeout"
  #phaseEnds = 0
  #since = 0
  #ends = 0
  #tailEnds = Infinity
  #isPaused = false

  constructor(millis: TimeOutMillis, runOut: (error: string) => void) {
    this.#millis = millis
    this.#runOut = runOut
    this.start()
  }

  start(): void {
    this.#since = performance.now()
    this.#ends = this.#since + this.#millis.total
    this.#tailEnds = Infinity
    this.#enter("connect_timeout", this.#since + this.#millis.connect)
    watch.add(this)
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
    this.#tailEnds = Math.min(this.#tailEnds, performance.now() + millis)
  }

  /** From now on it is a stream that puts out. */
  committed(): void {
    this.#ends = this.#since + this.#millis.stream
  }

  /** The answer is complete, though its end has not come. */
  completed(): void {
    if (this.#tailEnds === Infinity) this.#tailEnds = performance.now() + TAIL
  }

  /** We do not want any data just now. */
  pause(): void {
    this.#isPaused = true
  }

  stop(): void {
    clearImmediate(this.#verdict)
    watch.remove(this)
  }

  /** Data may have come while this process was busy: it is read in one turn of the loop, and nobody blamed before the next. */
  look(now: number): void {
    if (now < this.#due) return
    clearImmediate(this.#verdict)
    this.#verdict = setImmediate(() => {
      this.#verdict = setImmediate(() => this.#decide())
    })
  }

  get #due(): number {
    return this.#isPaused ? this.#ends : Math.min(this.#phaseEnds, this.#ends, this.#tailEnds)
  }

  #enter(phase: string, ends: number): void {
    this.#phase = phase
    this.#phaseEnds = ends
  }

  #decide(): void {
    const now = performance.now()
    if (now >= this.#due) this.#runOut(now >= this.#ends ? "total_timeout" : this.#phase)
  }
}
