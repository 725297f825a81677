import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { ROOT } from "./Program.ts"

/**
 * The programs that we compare with have folders of their own under bench/: made at the first run, from their
 * lock files.
 */
export const install = async (name: string, tell: (what: string) => void): Promise<void> => {
  const folder = join(ROOT, "bench", name)
  if (existsSync(join(folder, "node_modules", ".package-lock.json"))) return
  tell(`installing from bench/${name}/package-lock.json ...`)
  await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder })
}
