import { Effect } from "effect"
import type { ReadModel, SlugCursor, Welcome } from "../../projections/ReadModel.ts"
import { member, project } from "../../projections/StateTables.ts"
import type { MemberView, ProjectView } from "../../projections/Views.ts"
import type { Client } from "./client.ts"
import type { Database } from "./Database.ts"
import { first, type Fragment, mapSeen, pageOf, rowsOf, see } from "./seen.ts"

type WithSeq<View> = View & { readonly seq: number }

const projectColumns = Object.keys(project.columns).filter((name) => name !== "reserved")
// The hash of a token is for the roster, which reads the log: it never leaves this table.
const memberColumns = Object.keys(member.columns).filter((name) => name !== "token_hash")

/** Projects and members. */
export const crewReads = ({
  ask,
}: Database["Service"]): Pick<
  ReadModel["Service"],
  "projects" | "project" | "members" | "member" | "welcome"
> => ({
  projects: ({ after, limit }) =>
    ask((sql) =>
      see<WithSeq<ProjectView>>(
        sql,
        sql`${projects(sql)} where slug > ${after?.slug ?? ""} order by slug limit ${limit + 1}`,
      ),
    ).pipe(Effect.map((found) => pageOf(rowsOf(found), limit, viewOf, slugOf))),
  project: (by) =>
    ask((sql) => {
      const which = "slug" in by ? sql`slug = ${by.slug}` : sql`id = ${by.id}`
      return see<WithSeq<ProjectView>>(sql, sql`${projects(sql)} where ${which}`)
    }).pipe(Effect.map((found) => mapSeen(first(rowsOf(found)), versioned))),
  members: ({ after, limit }) =>
    ask((sql) =>
      see<WithSeq<MemberView>>(
        sql,
        sql`${members(sql)} where m.slug > ${after?.slug ?? ""} order by m.slug limit ${limit + 1}`,
      ),
    ).pipe(Effect.map((found) => pageOf(rowsOf(found), limit, viewOf, slugOf))),
  member: (slug) =>
    ask((sql) => see<WithSeq<MemberView>>(sql, sql`${members(sql)} where m.slug = ${slug}`)).pipe(
      Effect.map((found) => mapSeen(first(rowsOf(found)), versioned)),
    ),
  welcome: ask(
    (sql) => sql<Array<Welcome & { readonly seq: number }>>`
      select seq,
        (select coalesce(json_agg(json_build_object('id', id, 'slug', slug, 'name', name) order by slug), '[]')
          from project where status = 'active') as projects,
        (select coalesce(json_agg(slug order by slug), '[]') from presence where status <> 'offline') as online
      from checkpoint where name = 'crew'`,
  ).pipe(
    Effect.map(([row]) => {
      const { online = [], projects = [], seq = 0 } = row ?? {}
      return { seq, value: { projects, online } }
    }),
  ),
})

const projects = (sql: Client): Fragment => sql`select ${sql(projectColumns)} from project`

const members = (sql: Client): Fragment => sql`
  select ${sql(memberColumns.map((name) => `m.${name}`))}, coalesce(p.status, 'offline') as status
  from member m left join presence p on p.id = m.id`

const viewOf = <View>({ seq: _, ...view }: WithSeq<View>): View => view as unknown as View

const versioned = <View>(row: WithSeq<View> | undefined) =>
  row && { version: row.seq, row: viewOf<View>(row) }

const slugOf = ({ slug }: SlugCursor): SlugCursor => ({ slug })
