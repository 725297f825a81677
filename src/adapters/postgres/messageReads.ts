import { Effect } from "effect"
import type { Message } from "../../projections/Messages.ts"
import type { FrameSeq, ReadModel } from "../../projections/ReadModel.ts"
import type { MessageView } from "../../projections/Views.ts"
import type { Client } from "./client.ts"
import type { Database } from "./Database.ts"
import { first, type Fragment, mapSeen, pageOf, rowsOf, see } from "./seen.ts"

/** The messages of chats and tasks. */
export const messageReads = ({
  ask,
}: Database["Service"]): Pick<ReadModel["Service"], "messages" | "message" | "replies"> => ({
  messages: (of, { after, limit }) =>
    ask((sql) => {
      const place = "chat_id" in of ? sql`chat_id = ${of.chat_id}` : sql`task_id = ${of.task_id}`
      const back = after === undefined ? sql`true` : sql`(seq, idx) < (${after.seq}, ${after.idx})`
      return see<Message>(
        sql,
        sql`${all(sql)} where ${place} and ${back} order by seq desc, idx desc limit ${limit + 1}`,
      )
    }).pipe(
      Effect.map((found) =>
        mapSeen(pageOf(rowsOf(found), limit, viewOf, frameSeqOf), ({ next, rows }) => ({
          next,
          rows: rows.toReversed(),
        })),
      ),
    ),
  message: (id) =>
    // The first with this id: nobody can put another in its place.
    ask((sql) => see<Message>(sql, sql`${all(sql)} where id = ${id} order by seq, idx limit 1`)).pipe(
      Effect.map((found) => mapSeen(first(rowsOf(found)), (row) => row && viewOf(row))),
    ),
  replies: (message, { after, limit }) =>
    ask((sql) => {
      const { idx, seq } = after ?? { seq: 0, idx: 0 }
      return see<Message>(
        sql,
        sql`${all(sql)} where parent_id = ${message} and (seq, idx) > (${seq}, ${idx}) order by seq, idx limit ${limit + 1}`,
      )
    }).pipe(Effect.map((found) => pageOf(rowsOf(found), limit, viewOf, frameSeqOf))),
})

const all = (sql: Client): Fragment => sql`select * from message`

const frameSeqOf = ({ idx, seq }: Message): FrameSeq => ({ seq, idx })

const viewOf = (row: Message): MessageView => ({
  id: row.id,
  chat_id: row.chat_id,
  task_id: row.task_id,
  parent_id: row.parent_id,
  author_type: row.author_type,
  author_slug: row.author_slug,
  author_name: row.author_name,
  content: row.content,
  mentions: row.mentions,
  voice_url: null,
  attachments: [],
  created_at: row.created_at,
})
