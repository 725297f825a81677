// Sees to it that a nats-server this program can use is there: on the PATH, or in .tools/bin.
// Tried in order: what is there already, the official release (checksum pinned), Debian's package.
// Runs under any Node from 20 on, without installed packages and without root.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const MINIMUM = [2, 12]
const RELEASE = "2.14.5"
/** SHA-256 of nats-server-v2.14.5-<platform>.tar.gz, as nats-io/nats-docker and cashapp/hermit-packages pin it. */
const CHECKSUMS = {
  "linux-amd64": "5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355",
  "linux-arm64": "673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c",
  "darwin-amd64": "f95c98d6b6ed2b63c5681b46b092c9585c99767d547cf495730c329234625e96",
  "darwin-arm64": "ddd907854d9a2de834af133fa396915fe6442fe6d8909ae31390d1ea7a0fea50",
}
const CONNECT_TIMEOUT = 5_000
const DOWNLOAD_TIMEOUT = 120_000

const folder = fileURLToPath(new URL("../../.tools/bin/", import.meta.url))
const target = join(folder, "nats-server")
const say = (line) => console.log(`nats-server: ${line}`)

/** The version a program reports, or undefined where it is absent or no nats-server. */
function versionOf(program) {
  try {
    const text = execFileSync(program, ["--version"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
    return /v(\d+\.\d+\.\d+)/.exec(text)?.[1]
  } catch {
    return undefined
  }
}

function isRecent(version) {
  const [major, minor] = version.split(".").map(Number)
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])
}

function usable(program) {
  const version = versionOf(program)
  return version !== undefined && isRecent(version) ? version : undefined
}

async function download(url) {
  const connect = new AbortController()
  const timer = setTimeout(() => connect.abort(new Error("no answer within 5 s")), CONNECT_TIMEOUT)
  try {
    const signal = AbortSignal.any([connect.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT)])
    const response = await fetch(url, { signal })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    clearTimeout(timer)
    return Buffer.from(await response.arrayBuffer())
  } finally {
    clearTimeout(timer)
  }
}

async function fromRelease(work) {
  const arch = { x64: "amd64", arm64: "arm64" }[process.arch]
  const platform = `${process.platform}-${arch}`
  const expected = CHECKSUMS[platform]
  if (expected === undefined)
    throw new Error(`no release is pinned for ${process.platform} on ${process.arch}`)
  const name = `nats-server-v${RELEASE}-${platform}`
  const archive = await download(
    `https://github.com/nats-io/nats-server/releases/download/v${RELEASE}/${name}.tar.gz`,
  )
  const actual = createHash("sha256").update(archive).digest("hex")
  if (actual !== expected) throw new Error(`the archive's SHA-256 is ${actual}, not the pinned ${expected}`)
  writeFileSync(join(work, "release.tar.gz"), archive)
  execFileSync("tar", ["-xzf", "release.tar.gz", `${name}/nats-server`], { cwd: work })
  return join(work, name, "nats-server")
}

/** Debian's own signatures vouch for the package. Lists and caches of the machine's apt stay as they are. */
function fromDebian(work) {
  for (const folder of ["lists/partial", "cache/archives/partial", "root"])
    mkdirSync(join(work, folder), { recursive: true })
  const keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
  writeFileSync(
    join(work, "sources.list"),
    `deb [signed-by=${keys}] http://deb.debian.org/debian forky main\n`,
  )
  writeFileSync(join(work, "status"), "")
  writeFileSync(
    join(work, "apt.conf"),
    [
      `Dir::Etc::sourcelist "${work}/sources.list";`,
      `Dir::Etc::sourceparts "-";`,
      `Dir::State::lists "${work}/lists";`,
      `Dir::State::status "${work}/status";`,
      `Dir::Cache "${work}/cache";`,
      `Acquire::Languages "none";`,
      `APT::Sandbox::User "";`,
    ].join("\n"),
  )
  const options = {
    cwd: work,
    env: { ...process.env, APT_CONFIG: join(work, "apt.conf") },
    stdio: ["ignore", "ignore", "pipe"],
  }
  execFileSync("apt-get", ["update", "-q"], options)
  execFileSync("apt-get", ["download", "-q", "nats-server"], options)
  const deb = readdirSync(work).find((name) => name.endsWith(".deb"))
  execFileSync("dpkg", ["-x", deb, "root"], options)
  return join(work, "root/usr/sbin/nats-server")
}

function put(program) {
  mkdirSync(folder, { recursive: true })
  const fresh = `${target}.${process.pid}`
  copyFileSync(program, fresh)
  chmodSync(fresh, 0o755)
  renameSync(fresh, target)
}

const why = (error) => {
  const detail = error.cause?.code ?? error.stderr?.toString().trim().split("\n").at(-1)
  return detail ? `${error.message.split("\n")[0]} (${detail})` : error.message
}

async function install() {
  const present = usable(target)
  if (present !== undefined) return say(`v${present} in .tools/bin`)
  const onPath = usable("nats-server")
  if (onPath !== undefined) return say(`v${onPath} on the PATH`)

  const work = mkdtempSync(join(tmpdir(), "nats-server-"))
  try {
    const ways = [
      [`release v${RELEASE} from GitHub`, fromRelease],
      ["Debian's package (forky)", fromDebian],
    ]
    for (const [name, way] of ways) {
      say(`getting ${name} ...`)
      try {
        put(await way(work))
        return say(`v${versionOf(target)} installed in .tools/bin`)
      } catch (error) {
        say(`  not from there: ${why(error)}`)
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  say(
    `none found. Install nats-server ${MINIMUM.join(".")} or newer on the PATH, or set NATS_URL to a running one.`,
  )
  process.exitCode = 1
}

await install()
