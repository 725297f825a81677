import { execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { findProgram } from "../src/adapters/runtime/ChildProcess.ts"
import { type Scene, searchPath } from "./Scene.ts"

const isRoot = process.getuid?.() === 0

const programNamed = (name: string): string | undefined => findProgram(name, `${searchPath}:/usr/sbin:/sbin`)

const succeeds = (program: string | undefined, ...args: ReadonlyArray<string>): boolean =>
  program !== undefined && spawnSync(program, args, { stdio: "ignore" }).status === 0

const PRIVATE = ["--mount", "--propagation", "private"]

/**
 * Runs this program again where nobody else sees what it mounts, and where that is gone with it however it ends.
 * Gives its exit code; undefined where this machine (or not being root) does not allow it.
 */
export const inOwnMounts = (mark: string): Promise<number> | undefined => {
  const [unshare, setpriv] = [programNamed("unshare"), programNamed("setpriv")]
  if (!isRoot || process.platform !== "linux" || setpriv === undefined || process.argv.includes(mark))
    return undefined
  if (unshare === undefined || !succeeds(unshare, ...PRIVATE, "true")) return undefined
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1), mark]
  const child = spawn(setpriv, ["--pdeathsig", "KILL", unshare, ...PRIVATE, ...again], { stdio: "inherit" })
  // Ctrl-C reaches both of us; what is sent to us alone is passed on.
  process.on("SIGINT", () => {})
  process.on("SIGTERM", () => child.kill("SIGTERM"))
  return new Promise((ended) => child.on("exit", (code) => ended(code ?? 1)))
}

const mount = (...args: ReadonlyArray<string>) =>
  execFileSync(programNamed("mount") ?? "mount", args, { stdio: "pipe" })

const unmount = (path: string): void => {
  spawnSync(programNamed("umount") ?? "umount", ["--lazy", path], { stdio: "ignore" })
}

/** The reason why nothing can be mounted here; undefined where it can. */
export const noMounts = (isOwn: boolean): string | undefined => {
  if (process.platform !== "linux") return "it needs Linux"
  if (!isRoot) return "mounting needs root"
  return isOwn ? undefined : "it needs unshare and setpriv of util-linux, and a kernel that lets root mount"
}

/** A small disk in memory. */
export const smallDisk = (scene: Scene, name: string, megabytes: number): string => {
  const path = join(scene.folder, name)
  mkdirSync(path)
  mount("-t", "tmpfs", "-o", `size=${megabytes}m,mode=0711`, "chaos", path)
  scene.onEnd(() => unmount(path))
  return path
}

// FS_IOC_SHUTDOWN, and the flag that says: without writing the journal first.
const SHUTDOWN = "0x8004587d"
const PERL = `open(my $f, "<", $ARGV[0]) or die; my $how = pack("L", 2); ioctl($f, ${SHUTDOWN}, $how) or die`
const PYTHON = `import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], 0), ${SHUTDOWN}, struct.pack("I", 2))`

/** The program by which this machine can take a file system away at once: the first that can ask the kernel. */
const cutters = (): ReadonlyArray<(path: string) => boolean> => [
  (path) => succeeds(programNamed("perl"), "-e", PERL, path),
  (path) => succeeds(programNamed("python3"), "-c", PYTHON, path),
  (path) => succeeds(programNamed("xfs_io"), "-x", "-c", "shutdown", path),
]

/**
 * A file system of its own in a file, whose power can be cut: what was not synced is gone, as on a disk without
 * power.
 */
export class Disk {
  readonly path: string
  readonly #image: string

  private constructor(scene: Scene) {
    this.#image = join(scene.folder, "disk.img")
    this.path = join(scene.folder, "disk")
    scene.onEnd(() => unmount(this.path))
  }

  /** Throws where this machine has no such disk, or no way to cut its power. */
  static make(scene: Scene): Disk {
    const disk = new Disk(scene)
    const mkfs = programNamed("mkfs.ext4")
    if (mkfs === undefined) throw new Error("there is no mkfs.ext4")
    execFileSync("truncate", ["-s", "256M", disk.#image])
    execFileSync(mkfs, ["-q", "-F", "-E", "lazy_itable_init=1", disk.#image])
    mkdirSync(disk.path)
    disk.on()
    if (!disk.cutPower())
      throw new Error("none of perl, python3 and xfs_io is here to ask the kernel for FS_IOC_SHUTDOWN")
    disk.off()
    disk.on()
    return disk
  }

  on(): void {
    mount("-o", "loop", this.#image, this.path)
  }
  off(): void {
    execFileSync(programNamed("umount") ?? "umount", [this.path], { stdio: "pipe" })
  }
  /** Everything written so far is safe. */
  sync(): void {
    execFileSync("sync", ["-f", this.path])
  }
  cutPower(): boolean {
    return cutters().some((cut) => cut(this.path))
  }
}
