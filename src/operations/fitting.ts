import { bytesOf } from "../domain/SnapshotParts.ts"
import { BodyTooLarge } from "./EdgeRefusal.ts"

/**
 * The most bytes of an input as JSON, escapes included: its record then fits into a message of the log (256 KiB),
 * whatever stands around it.
 */
const LARGEST = 240 * 1024
/** A byte that was sent is at most so many as we write it: a control character, `\u0001`. */
const LONGEST_ESCAPE = 6

/** The refusal of an input that no record has room for; `sent` is its size as it came. */
export const tooLarge = (input: object, sent: number): BodyTooLarge | undefined =>
  sent * LONGEST_ESCAPE > LARGEST && bytesOf(JSON.stringify(input)) > LARGEST
    ? new BodyTooLarge({ limit: LARGEST })
    : undefined
