import { Effect, Schema } from "effect"
import { lobbyId } from "../commands/firstStart.ts"
import { Heartbeats } from "../commands/Heartbeats.ts"
import { Digest } from "../domain/Digest.ts"
import { EventLog } from "../domain/EventLog.ts"
import { Seq, Slug, Uuid } from "../domain/Ids.ts"
import { ReportedStatus } from "../domain/Presence.ts"
import { ProjectName } from "../domain/Project.ts"
import { Projected } from "../projections/Projected.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import type { RosterMember } from "../projections/Roster.ts"
import * as examples from "./examples.ts"
import { command, question } from "./Operation.ts"
import { anyone } from "./rights.ts"

export const reportPresence = command({
  name: "presence.report",
  summary: "Gives a sign of life",
  description:
    "At least every 90 seconds: who is silent for longer becomes `offline`. Any other call counts as well. With several connections a member is what they say together: `busy` before `online` before `idle`.",
  input: { status: ReportedStatus },
  may: anyone,
  refusals: [],
  example: { input: { status: "busy" } },
  isInMemory: true,
  give: Effect.fnUntraced(function* ({ status }, { member, source }) {
    yield* Heartbeats.use((heartbeats) => heartbeats.beat(member, status, source))
    return { seq: yield* Projected.use(({ current }) => current), recorded: false }
  }),
})

/** The beginning of a member; `seq` is the position that it is the state of, `epoch` tells one log from another. */
export const WelcomeBody = Schema.Struct({
  slug: Slug,
  lobby_chat_id: Uuid,
  projects: Schema.Array(Schema.Struct({ id: Uuid, slug: Slug, name: ProjectName })),
  online: Schema.Array(Slug),
  seq: Seq,
  epoch: Schema.String,
}).annotate({ identifier: "Welcome" })

/** The beginning of a member's session; on a WebSocket it is told as `auth.ok`. */
export const welcome = Effect.fnUntraced(function* ({ slug }: RosterMember, epoch: string) {
  const { seq, value } = yield* ReadModel.use((model) => model.welcome)
  const online = value.online.filter((other) => other !== slug)
  const lobby_chat_id = lobbyId(yield* Digest)
  return { ...value, slug, lobby_chat_id, online, seq, epoch }
})

const welcomeMember = question({
  name: "member.welcome",
  summary: "Tells where the caller begins",
  description:
    "The active projects, who is there, the chat that everybody hears, and the position to follow from: what `auth.ok` tells on a WebSocket.",
  input: {},
  output: WelcomeBody,
  may: anyone,
  refusals: ["LogUnavailable"],
  example: {
    input: {},
    output: {
      slug: "ada",
      lobby_chat_id: examples.ids.chat,
      projects: [{ id: examples.ids.project, slug: "team-board", name: "Team Board" }],
      online: ["bob"],
      seq: 17,
      epoch: "2026-11-02T08:00:00.000Z",
    },
  },
  // As the tables are now: a connection that resumes may have seen more than tables that are being made anew show.
  from: "log",
  ask: Effect.fnUntraced(function* (_, { member }) {
    const { epoch } = yield* EventLog.use((log) => log.head)
    const body = yield* welcome(member, epoch)
    return { seq: body.seq, body }
  }),
})

export const presence = [reportPresence, welcomeMember]
