import { Redacted } from "effect"
import { connect } from "../../src/adapters/postgres/client.ts"
import { LIVE } from "../../src/program.ts"
import type { Member } from "../Client.ts"
import type { Listener } from "../Listener.ts"
import type { Json } from "../Rest.ts"

export interface FeedRow {
  readonly seq: number
  readonly idx: number
  readonly kind: string
  readonly audience: Json
  readonly payload: Json
}

export const feedOf = async (url: string): Promise<ReadonlyArray<FeedRow>> => {
  const sql = connect({ url: Redacted.make(url), schema: LIVE }, { max: 1 })
  try {
    return await sql<
      Array<FeedRow>
    >`select seq, idx, kind, audience, payload from feed where kind <> 'start' order by seq, idx`
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** The rule of the protocol, for members who hear all and for those who hear their own. */
const isFor = ({ slug, type }: Member, { audience, kind, payload }: FeedRow): boolean => {
  const hearsAll = slug !== "watcher-own"
  if (kind === "agent.status") return payload["slug"] !== slug
  if (kind === "message.new") {
    if (type === "agent" && audience["author"] === slug) return false
    return hearsAll || (audience["mentions"] as ReadonlyArray<string>).includes(slug)
  }
  const concerned = [audience["assignee"], audience["reviewer"], ...audience["watchers"]]
  return hearsAll || concerned.includes(slug)
}

const frameSeqOf = ({ idx, seq }: { readonly seq: number; readonly idx: number }) => `${seq}.${idx}`

/** Compares what a listener received, over all its connections, with the feed up to a position. */
export const compareFrames = (
  { from, member, received, refusals }: Pick<Listener, "from" | "member" | "received" | "refusals">,
  feed: ReadonlyArray<FeedRow>,
  upTo: number,
): ReadonlyArray<string> => {
  const inRange = ({ seq }: { readonly seq: number }) => seq > from && seq <= upTo
  const due = feed.filter((row) => inRange(row) && isFor(member, row))
  const got = received.filter(inRange)
  const places = got.map(frameSeqOf)
  const had = new Set(places)
  const wanted = new Set(due.map(frameSeqOf))
  const last = new Map(places.map((place, at) => [place, at]))
  const isAgain = (place: string, at: number) => last.get(place) !== at
  const told = (what: string, which: ReadonlyArray<string>) =>
    which.length === 0 ? [] : [`${member.slug}: ${which.length} frames ${what}, such as ${which[0]}`]
  const byFrameSeq = new Map(due.map((row) => [frameSeqOf(row), row]))
  return [
    ...told(
      "lost",
      [...wanted].filter((place) => !had.has(place)),
    ),
    ...told("twice", places.filter(isAgain)),
    ...told(
      "that were for others",
      [...had].filter((place) => !wanted.has(place)),
    ),
    ...told("out of order", got.filter(isBefore).map(frameSeqOf)),
    ...told(
      "changed on their way",
      got.filter((frame) => isOther(frame, byFrameSeq.get(frameSeqOf(frame)))).map(frameSeqOf),
    ),
    ...told("refused", refusals),
  ]
}

const isBefore = (
  { idx, seq }: { readonly seq: number; readonly idx: number },
  index: number,
  all: ReadonlyArray<{ readonly seq: number; readonly idx: number }>,
) => {
  const before = all[index - 1]
  return before !== undefined && (before.seq > seq || (before.seq === seq && before.idx > idx))
}

const isOther = (frame: { readonly type: string; readonly data: Json }, row: FeedRow | undefined) =>
  row !== undefined && (row.kind !== frame.type || JSON.stringify(row.payload) !== JSON.stringify(frame.data))
