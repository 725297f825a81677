import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { styleText } from "node:util"
import type { SealingKeys } from "../../adapters/node/Sealing.ts"
import { sealedBy } from "../../adapters/sealedVault.ts"
import { json } from "../flags.ts"
import { printable, printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { withBucket } from "./bucket.ts"
import { sealingKeys } from "./sealingKeys.ts"

interface Line {
  readonly id: string
  /** The number of providers' keys that are sealed with it. */
  readonly sealed: number
  /** True when it is configured here. */
  readonly known: boolean
  /** True when new ones are sealed with it. */
  readonly seals: boolean
}

const listOf = (keys: SealingKeys, counts: ReadonlyMap<string, number>): ReadonlyArray<Line> => {
  const configured = keys.map(({ id }, index) => ({
    id,
    sealed: counts.get(id) ?? 0,
    known: true,
    seals: index === 0,
  }))
  const known = new Set(keys.map(({ id }) => id))
  const others = [...counts].filter(([id]) => !known.has(id))
  return [...configured, ...others.map(([id, sealed]) => ({ id, sealed, known: false, seals: false }))]
}

const remarkOf = ({ id, known, seals }: Line): string => {
  if (seals) return "seals new ones"
  if (known) return ""
  return styleText("red", id === "" ? "no sealed keys at all: set them anew" : "NOT CONFIGURED HERE")
}

const linesOf = (lines: ReadonlyArray<Line>): string => {
  const width = Math.max(...lines.map(({ id }) => id.length), 1)
  return lines
    .map((line) =>
      `${printable(line.id || "-").padEnd(width)}  ${line.sealed} sealed  ${remarkOf(line)}`.trimEnd(),
    )
    .join("\n")
}

export const list = Command.make(
  "list",
  { json },
  Effect.fnUntraced(function* ({ json }) {
    const { keys } = yield* sealingKeys
    const lines = listOf(keys, yield* withBucket(sealedBy))
    yield* Console.log(json ? printableJson({ keys: lines }) : linesOf(lines))
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "List the encryption keys by their ids, the one that seals first, and how many providers' keys each has sealed. " +
      "Shows no key.",
  ),
  Command.withShortDescription("Say how many are sealed with which key"),
)
