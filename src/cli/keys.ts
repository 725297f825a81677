import { Command } from "effect/cli"
import { list } from "./keys/list.ts"
import { prune } from "./keys/prune.ts"
import { rotate } from "./keys/rotate.ts"

export const keys = Command.make("keys").pipe(
  Command.withDescription(
    "The encryption keys that providers' keys are sealed with. How to change them without downtime: " +
      "docs/runbooks/keys.md",
  ),
  Command.withShortDescription("The encryption keys that providers' keys are sealed with"),
  Command.withSubcommands([rotate, list, prune]),
)
