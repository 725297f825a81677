import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { styleText } from "node:util"
import { describedSettings, type DescribedSetting } from "../config.ts"
import { json } from "./flags.ts"
import { wrapped } from "./log/wrapped.ts"
import { printableJson } from "./printable.ts"

const markdown = Flag.Boolean("markdown").pipe(
  Flag.withDescription("Print docs/settings.md"),
  Flag.withDefault(false),
)

const HEAD = `# Settings

Every setting is a variable of the environment; an empty one counts as not given. One that can't be used stops the
start with one line, and so does a \`CREWLOG_*\` variable that is no setting. This file is made by
\`npx crewlog settings --markdown\`.

| setting | default | meaning | should be |
|---|---|---|---|`

const cell = (text: string) => text.replaceAll("|", "\\|")

const rowOf = ({ byDefault, expected, meaning, name }: DescribedSetting) =>
  `| \`${name}\` | ${byDefault === "" ? "" : `\`${byDefault}\``} | ${cell(meaning)} | ${cell(expected)} |`

const linesOf = ({ byDefault, expected, meaning, name }: DescribedSetting): ReadonlyArray<string> =>
  wrapped(
    `${styleText("bold", name)}${byDefault === "" ? "" : ` (${byDefault})`}: ${meaning}. Should be ${expected}.`,
  )

/** The listing of all settings; none of them is read. */
export const settings = Command.make(
  "settings",
  { json, markdown },
  Effect.fnUntraced(function* ({ json, markdown }) {
    const all = yield* describedSettings
    if (json) return yield* Console.log(printableJson(all, 2))
    yield* Console.log(markdown ? [HEAD, ...all.map(rowOf)].join("\n") : all.flatMap(linesOf).join("\n"))
  }),
).pipe(
  Command.withDescription("List every setting: its name, default and meaning. Reads none of them."),
  Command.withShortDescription("List every setting"),
)
