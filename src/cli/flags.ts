import { Option } from "effect"
import { Flag, GlobalFlag } from "effect/cli"

/** The data folder; comes before CREWLOG_DATA. */
export const Data = GlobalFlag.Setting("data")({
  flag: Flag.String("data").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("Data folder of the server (default: CREWLOG_DATA, else .crewlog)"),
    Flag.optional,
    Flag.map(Option.filter((folder) => folder !== "")),
  ),
})

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON for programs"),
  Flag.withDefault(false),
)
