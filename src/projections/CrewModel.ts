import { type Kind, kinds } from "./Commit.ts"
import { feed } from "./Feed.ts"
import { history } from "./History.ts"
import { message } from "./Messages.ts"
import { nothingChanged } from "./NothingChanged.ts"
import { owed } from "./Owed.ts"
import { allStateTables } from "./StateTables.ts"
import type { Model } from "./Store.ts"

/** Raise it when a projection writes other rows than before from the same events: the tables are then made anew. */
const PROJECTIONS = 3

/** The model of the log of events (`CREW`), as of one position. */
export const crewModel: Model = {
  name: "crew",
  tables: [...allStateTables, history, nothingChanged, message, feed, owed],
  version: `${PROJECTIONS}\n${Object.values(kinds)
    .map(({ source }: Kind) => source)
    .join("\n")}`,
}
