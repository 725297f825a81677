import { Context, Effect, Layer } from "effect"
import { Chat } from "../domain/Chat.ts"
import { Digest } from "../domain/Digest.ts"
import { Prefix, prefixCandidates } from "../domain/Prefix.ts"
import {
  Project,
  type ProjectCommand,
  type ProjectEvent,
  ProjectExists,
  type ProjectRefusal,
  type ProjectState,
} from "../domain/Project.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import { type Envelope, partOf } from "./Envelope.ts"
import { projectChatId, projectId } from "./identify.ts"
import { refusing } from "./refusing.ts"
import { keyReserver } from "./reserveKey.ts"

type Command<Tag> = Extract<ProjectCommand, { readonly _tag: Tag }>

export interface NewProject {
  readonly name: string
  readonly slug: string
  readonly description?: string | null
  readonly repo_urls?: ReadonlyArray<string>
}
export type ProjectChanges = Omit<Command<"ChangeProject">, "_tag">

type ProjectOutcome = Effect.Effect<Outcome<ProjectState, ProjectEvent>, ProjectRefusal | DispatchFailure>

/** The commands that admins give to projects. */
export class Projects extends Context.Service<
  Projects,
  {
    readonly create: (project: NewProject, envelope: Envelope) => ProjectOutcome
    readonly change: (slug: string, changes: ProjectChanges, envelope: Envelope) => ProjectOutcome
  }
>()("crewlog/commands/Projects") {
  static readonly layer = Layer.effect(
    Projects,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest
      const reserveKey = keyReserver(dispatcher, digest)

      /** The first prefix that is free or was claimed for this project before, by a try that crashed perhaps. */
      const claimPrefix = Effect.fnUntraced(function* (project_id: string, slug: string, envelope: Envelope) {
        const command = { _tag: "ClaimPrefix", project_id } as const
        for (const prefix of prefixCandidates(slug)) {
          const taken = yield* dispatcher.dispatch(Prefix, prefix, command, partOf(envelope)).pipe(
            Effect.as(false),
            Effect.catchTag("PrefixTaken", () => Effect.succeed(true)),
          )
          if (!taken) return prefix
        }
        return yield* Effect.die(new Error("prefixes have no end"))
      })

      const openChat = (id: string, project_id: string, envelope: Envelope) =>
        dispatcher
          .dispatch(
            Chat,
            id,
            { _tag: "OpenChat", id, kind: "project", project_id, task_id: null },
            partOf(envelope),
          )
          .pipe(Effect.catchTag("ChatNotFound", Effect.die))

      /** The project comes last: a crash on the way leaves nothing that shows, and a repeat completes it. */
      const create = Effect.fnUntraced(function* (project: NewProject, envelope: Envelope) {
        const { slug } = project
        const id = projectId(digest, slug)
        const chat_id = projectChatId(digest, slug)
        const fields = { description: null, repo_urls: [], ...project, id, chat_id }
        const { state } = yield* dispatcher.load(Project, id)
        if (state._tag === "Known") {
          // Refused, unless it is the repeat of the very command that made it.
          const refusal = new ProjectExists({ slug })
          return yield* dispatcher.dispatch(refusing(Project, refusal), id, undefined, envelope)
        }
        yield* reserveKey(envelope)
        const prefix = yield* claimPrefix(id, slug, envelope)
        yield* openChat(chat_id, id, envelope)
        return yield* dispatcher.dispatch(Project, id, { _tag: "CreateProject", ...fields, prefix }, envelope)
      })

      return Projects.of({
        create,
        change: (slug, changes, envelope) =>
          dispatcher.dispatch(
            Project,
            projectId(digest, slug),
            { _tag: "ChangeProject", ...changes },
            envelope,
          ),
      })
    }),
  )
}
