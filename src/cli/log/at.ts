import { Console, Effect, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { styleText } from "node:util"
import { EventLog } from "../../domain/EventLog.ts"
import { type Aggregated, type Board, boardOf } from "../../projections/Board.ts"
import { AnswerIsNo, CommandFailed } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { printable, printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import type { LogWalk } from "../verify/LogWalk.ts"
import { boardLines } from "./boardLines.ts"
import { MOMENT, positionOf, timeAt } from "./moment.ts"
import { past, warnOf } from "./past.ts"
import { whenOf } from "./RecordView.ts"

const project = Flag.String("project").pipe(
  Flag.withMetavar("slug"),
  Flag.withDescription("Only this project and its tasks"),
  Flag.optional,
)

function* aggregatesIn({ folds }: LogWalk): Generator<Aggregated> {
  for (const subject of folds.subjects) yield { ...subject, state: folds.get(subject)?.state }
}

const onlyOf = Effect.fnUntraced(function* (board: Board, slug: string) {
  const projects = board.projects.filter((project) => project.slug === slug)
  const [found] = projects
  if (found === undefined) return yield* new CommandFailed({ message: `there was no project ${slug} then` })
  return { projects, tasks: board.tasks.filter(({ project_id }) => project_id === found.id), members: [] }
})

/** The board right after a position, and when that was. */
const boardAt = Effect.fnUntraced(function* (seq: number) {
  const walk = yield* past
  yield* walk.to(seq)
  const at = yield* timeAt(yield* EventLog, seq)
  return { walk, at: at === undefined || at === "" ? null : at, board: boardOf(aggregatesIn(walk)) }
}, Effect.scoped)

const titleOf = (seq: number, at: string | null) =>
  at === null
    ? "The board before the first record"
    : `The board at record ${seq}, ${printable(whenOf(at))} UTC`

export const at = Command.make(
  "at",
  { moment: Argument.String("moment").pipe(Argument.withDescription(MOMENT)), project, json },
  Effect.fnUntraced(
    function* ({ json, moment, project }) {
      const seq = yield* positionOf(moment)
      const { at, board, walk } = yield* boardAt(seq)
      const shown = Option.isSome(project) ? yield* onlyOf(board, project.value) : board
      yield* warnOf(walk)
      yield* Console.log(
        json
          ? printableJson({ seq, at, ...shown }, 2)
          : [styleText("bold", titleOf(seq, at)), ...boardLines(shown)].join("\n"),
      )
      if (walk.problems.count > 0) return yield* new AnswerIsNo()
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Print the board as it was at a position or a time: projects, tasks and members, folded from the log alone.",
  ),
  Command.withShortDescription("Print the board as it was then"),
  Command.withExamples([
    { command: "crewlog log at 120", description: "Right after record 120" },
    { command: "crewlog log at 2026-11-20T14:30 --json", description: "At that time (UTC), for a program" },
  ]),
)
