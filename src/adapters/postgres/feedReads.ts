import { Effect } from "effect"
import type { Frame, Owed, Owing, ReadModel, Silent, Standing } from "../../projections/ReadModel.ts"
import type { Database } from "./Database.ts"
import { rowsOf, see } from "./seen.ts"
import { textArray } from "./statements.ts"

type FeedRow = Partial<Frame> & { readonly _seq: number; readonly _kept: number | null }

/** The questions of sockets, sweepers and operators. */
export const feedReads = ({
  ask,
}: Database["Service"]): Pick<ReadModel["Service"], "standing" | "feed" | "owed" | "owing" | "silent"> => ({
  standing: ask(
    (sql) => sql<Array<Standing>>`
      select seq, log, hash, (select count(*)::int from parked where model = 'crew') as parked
      from checkpoint where name = 'crew'`,
  ).pipe(Effect.map(([row]) => row ?? { seq: 0, log: "", hash: "", parked: 0 })),

  feed: ({ after, limit, upTo }) =>
    ask(
      (sql) => sql<Array<FeedRow>>`
        select c.seq as _seq, (select min(seq) from feed) as _kept, f.* from checkpoint c
        left join lateral (
          select seq, idx, project_id, kind, audience, payload from feed
          where seq > ${after} and seq <= ${upTo}
          order by seq fetch first ${limit} rows with ties
        ) f on true
        where c.name = 'crew'
        order by f.seq, f.idx`,
    ).pipe(
      Effect.map((rows) => {
        const { _kept, _seq: seq } = rows[0] ?? { _kept: 0, _seq: 0 }
        const frames = rows.flatMap(({ _kept: _, _seq: __, ...frame }) => (isFrame(frame) ? [frame] : []))
        return { seq, value: { frames, kept: _kept ?? 0 } }
      }),
    ),

  owed: ({ dueBy, except, kind }, limit) =>
    ask((sql) =>
      see<Owed>(
        sql,
        sql`select kind, id, due, attempt, seq, target from owed
          where kind = ${kind} and due <= ${dueBy}::timestamptz
            and (target is null or target <> all(${textArray(except)}::text[]))
          order by due, id limit ${limit}`,
      ),
    ).pipe(Effect.map(rowsOf)),

  owing: ask((sql) =>
    see<Owing>(
      sql,
      sql`select kind, count(*)::int as count, min(due) as oldest from owed group by kind order by kind`,
    ),
  ).pipe(Effect.map(rowsOf)),

  silent: (before, limit) =>
    ask((sql) =>
      see<Silent>(
        sql,
        sql`select p.id, p.slug, p.status, l.at from presence p left join last_seen l on l.id = p.id
          where p.status <> 'offline' and (l.at is null or l.at < ${before}::timestamptz)
          order by l.at nulls first, p.id limit ${limit}`,
        "signals",
      ),
    ).pipe(Effect.map(rowsOf)),
})

const isFrame = (frame: Partial<Frame>): frame is Frame => typeof frame.seq === "number"
