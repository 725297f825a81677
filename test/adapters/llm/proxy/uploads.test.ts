import { assert, describe, it } from "@effect/vitest"
import { onTestFinished, vi } from "vitest"
import { watchUpload } from "../../../../src/adapters/llm/proxy/uploads.ts"

interface Row {
  readonly name: string
  /** The bytes that have come after each second. */
  readonly bytes: ReadonlyArray<number>
  readonly isComplete?: boolean
  readonly isTooSlow: boolean
}

const seconds = (count: number, byte: (second: number) => number) =>
  Array.from({ length: count }, (_, second) => byte(second))

/** Bodies that take their time. A row is a line. */
const rows: ReadonlyArray<Row> = [
  { name: "comes a byte at a time for an hour", bytes: seconds(3_600, (second) => second), isTooSlow: false },
  {
    name: "comes in pieces, with 20 seconds between them",
    bytes: seconds(200, (second) => Math.floor(second / 20)),
    isTooSlow: false,
  },
  { name: "never comes", bytes: seconds(40, () => 0), isTooSlow: true },
  {
    name: "stands still in its middle",
    bytes: seconds(90, (second) => Math.min(second, 50)),
    isTooSlow: true,
  },
  { name: "is here", bytes: seconds(90, () => 7), isComplete: true, isTooSlow: false },
]

describe("A body", () => {
  it.each(rows)(
    "a body that $name is given up only if it stands still",
    async ({ bytes, isComplete = false, isTooSlow }) => {
      vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] })
      onTestFinished(() => void vi.useRealTimers())
      const request = { complete: isComplete, destroyed: false, socket: { bytesRead: 0 } }
      let told = 0
      const end = watchUpload(request, () => (told += 1))
      for (const bytesRead of bytes) {
        request.socket.bytesRead = bytesRead
        await vi.advanceTimersByTimeAsync(1_000)
      }
      assert.strictEqual(told, isTooSlow ? 1 : 0)
      end()
      await vi.advanceTimersByTimeAsync(1_000)
    },
  )
})
