import { type Kind, kinds } from "./Commit.ts"
import { deadline } from "./Deadlines.ts"
import { feed } from "./Feed.ts"
import { history } from "./History.ts"
import { message } from "./Messages.ts"
import { allowance, backend, chat, gateway, member, presence, project, task } from "./StateTables.ts"
import type { Model } from "./Store.ts"

/** Raise it when a projection writes other rows than before from the same events: the tables are then made anew. */
const PROJECTIONS = 1

/** The model of the log of events (`CREW`), as of one position. */
export const crewModel: Model = {
  name: "crew",
  tables: [
    project,
    task,
    member,
    presence,
    chat,
    backend,
    gateway,
    allowance,
    history,
    message,
    feed,
    deadline,
  ],
  version: `${PROJECTIONS}\n${Object.values(kinds)
    .map(({ source }: Kind) => source)
    .join("\n")}`,
}
