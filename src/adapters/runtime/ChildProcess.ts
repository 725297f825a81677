import { Deferred, Effect, Queue, type Cause, type Duration, type Scope } from "effect"
import { type ChildProcess as NodeChild, spawn, type SpawnOptions, spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { createInterface } from "node:readline"

/** The identity a child runs under in place of ours; only root can give one. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
  /** A Linux capability to keep although the user is not root, such as `dac_read_search`. */
  readonly keep?: string
}

export interface ChildCommand {
  readonly program: string
  readonly args: ReadonlyArray<string>
  readonly folder: string
  readonly runAs?: RunAs | undefined
  /** The folders that `setpriv` is looked for in; see `Settings.searchPath`. */
  readonly searchPath: string
  /** The signal that asks the program to end in order. */
  readonly stopSignal: NodeJS.Signals
  /** The time that it may take for that before it is killed. */
  readonly stopWithin: Duration.Input
}

export interface Child {
  readonly pid: number
  /** The lines that it prints on either stream; ends when the streams do. */
  readonly lines: Queue.Dequeue<string, Cause.Done>
  /** Waits for the end of the process and says how it ended. */
  readonly ended: Effect.Effect<string>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/** The full path of a program on the search path, or undefined. */
export const findProgram = (name: string, searchPath: string): string | undefined =>
  searchPath
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/** setpriv of util-linux, or undefined where this machine has none that knows --pdeathsig. */
const findSetpriv = (searchPath: string): string | undefined => {
  const path = process.platform === "linux" ? findProgram("setpriv", searchPath) : undefined
  if (path === undefined) return undefined
  return spawnSync(path, ["--pdeathsig", "KILL", path, "--version"]).status === 0 ? path : undefined
}

// Without no_setuid_fixup, access(2) overlooks the kept capability, and PostgreSQL asks that of its own programs.
const keeping = (capability: string) => [
  `--inh-caps=+${capability}`,
  `--ambient-caps=+${capability}`,
  "--securebits=+no_setuid_fixup",
]

const privileges = ({ uid, gid, keep }: RunAs): ReadonlyArray<string> => [
  `--reuid=${uid}`,
  `--regid=${gid}`,
  "--clear-groups",
  ...(keep === undefined ? [] : keeping(keep)),
]

/**
 * Starts the process. In a session of its own: Ctrl-C on our terminal must not reach it before we have drained.
 * With setpriv the kernel kills it when we die, even by kill -9; elsewhere the next start ends the orphan.
 */
const start = ({ args, folder, program, runAs, searchPath }: ChildCommand): NodeChild => {
  const setpriv = findSetpriv(searchPath)
  const options: SpawnOptions = {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { LC_ALL: "C", PATH: searchPath },
  }
  if (setpriv === undefined) return spawn(program, [...args], { ...options, ...runAs })
  const ours = ["--pdeathsig", "KILL", "--no-new-privs", ...(runAs === undefined ? [] : privileges(runAs))]
  return spawn(setpriv, [...ours, program, ...args], options)
}

const listen = (
  child: NodeChild,
  lines: Queue.Queue<string, Cause.Done>,
  ended: Deferred.Deferred<string>,
) => {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null)
      createInterface({ input: stream }).on("line", (line) => Queue.offerUnsafe(lines, line))
  }
  const end = (how: string) => Deferred.doneUnsafe(ended, Effect.succeed(how))
  child.on("exit", (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`))
  child.on("close", () => Queue.endUnsafe(lines))
  child.on("error", (error) => {
    if (child.pid !== undefined) return
    end(error.message)
    Queue.endUnsafe(lines)
  })
}

const stop = (
  child: NodeChild,
  ended: Deferred.Deferred<string>,
  { stopSignal, stopWithin }: ChildCommand,
): Effect.Effect<string> => {
  const ask = (signal: NodeJS.Signals) =>
    Effect.sync(() => child.kill(signal)).pipe(Effect.andThen(Deferred.await(ended)))
  // A finalizer can't be interrupted unless it says so, and then no time-out would end it.
  return Effect.interruptible(ask(stopSignal)).pipe(
    Effect.timeoutOrElse({ duration: stopWithin, orElse: () => ask("SIGKILL") }),
  )
}

/** Starts a child process; the end of the scope stops it, in order where it complies. */
export const spawnChild = Effect.fn("ChildProcess.spawnChild")(function* (
  command: ChildCommand,
): Effect.fn.Return<Child, never, Scope.Scope> {
  const lines = yield* Queue.unbounded<string, Cause.Done>()
  const ended = yield* Deferred.make<string>()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const started = start(command)
      listen(started, lines, ended)
      return started
    }),
    (started) => stop(started, ended, command),
  )
  return {
    pid: child.pid ?? 0,
    lines,
    ended: Deferred.await(ended),
    signal: (signal) => Effect.sync(() => void child.kill(signal)),
  }
})
