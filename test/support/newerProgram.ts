import { Effect } from "effect"
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { temporaryFolder } from "./servers.ts"

type Edit = readonly [before: string, after: string]

const SPRINT = `import { Result, Schema } from "effect"
export const Sprint = {
  type: "sprint",
  events: Schema.TaggedUnion({ SprintOpened: { v: Schema.tag(1), name: Schema.String } }),
  state: Schema.TaggedUnion({ Planned: {}, Open: { name: Schema.String } }),
  initial: { _tag: "Planned" },
  evolve: (_state, event) => ({ _tag: "Open", name: event.name }),
  decide: () => Result.succeed([]),
}
`

const edits: Readonly<Record<string, ReadonlyArray<Edit>>> = {
  "domain/Aggregate.ts": [['  "tree",\n]', '  "tree",\n  "sprint",\n]']],
  "domain/aggregates.ts": [
    ["import type {", 'import { Sprint } from "./Sprint.ts"\nimport type {'],
    ["  tree: Tree,\n", "  tree: Tree,\n  sprint: Sprint,\n"],
  ],
  "domain/TaskPast.ts": [
    [
      "  TaskWatched: { v: Schema.tag(1)",
      "  TaskPinned: { v: Schema.tag(1), title: TaskTitle },\n  TaskWatched: { v: Schema.tag(1)",
    ],
    [
      '      case "TaskWatched":\n',
      '      case "TaskPinned":\n        return { ...task, title: event.title }\n      case "TaskWatched":\n',
    ],
  ],
}

const edit = (path: string, [before, after]: Edit) => {
  const text = readFileSync(path, "utf8")
  if (!text.includes(before)) throw new Error(`${path} has no ${JSON.stringify(before)} any more`)
  writeFileSync(path, text.replace(before, after))
}

/**
 * The folder of a program that is this one and a little more: aggregates of the type `sprint`, and the event
 * `TaskPinned`, which gives a task its title. Gone with the scope.
 */
export const newerProgram = Effect.map(temporaryFolder, (folder) => {
  const program = join(folder, "program")
  mkdirSync(program)
  cpSync("src", join(program, "src"), { recursive: true })
  copyFileSync("package.json", join(program, "package.json"))
  symlinkSync(resolve("node_modules"), join(program, "node_modules"))
  writeFileSync(join(program, "src/domain/Sprint.ts"), SPRINT)
  for (const [file, changes] of Object.entries(edits))
    for (const change of changes) edit(join(program, "src", file), change)
  return program
})
