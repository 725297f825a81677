import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const LENGTHS = 8

/** Bytes on disk that did not have to stay in memory. The file has no name any more: it goes with the process. */
export class SpillFile {
  readonly #file: number
  #end = 0

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), "crewlog-verify-"))
    this.#file = openSync(join(folder, "states"), "w+")
    rmSync(folder, { recursive: true })
  }

  /** Writes bytes, over those at `place` where they have room there, and gives the place where they are now. */
  write(bytes: Uint8Array, place?: number): number {
    const room = place === undefined ? -1 : this.#lengthsAt(place).room
    const isKept = place !== undefined && bytes.length <= room
    const at = isKept ? place : this.#end
    const lengths = Buffer.alloc(LENGTHS)
    lengths.writeUInt32LE(isKept ? room : bytes.length, 0)
    lengths.writeUInt32LE(bytes.length, 4)
    writeSync(this.#file, lengths, 0, LENGTHS, at)
    writeSync(this.#file, bytes, 0, bytes.length, at + LENGTHS)
    if (!isKept) this.#end = at + LENGTHS + bytes.length
    return at
  }

  read(place: number): Uint8Array {
    const bytes = Buffer.alloc(this.#lengthsAt(place).length)
    readSync(this.#file, bytes, 0, bytes.length, place + LENGTHS)
    return bytes
  }

  close(): void {
    closeSync(this.#file)
  }

  #lengthsAt(place: number): { readonly room: number; readonly length: number } {
    const lengths = Buffer.alloc(LENGTHS)
    readSync(this.#file, lengths, 0, LENGTHS, place)
    return { room: lengths.readUInt32LE(0), length: lengths.readUInt32LE(4) }
  }
}
