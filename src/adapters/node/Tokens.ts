import { createHmac, hash as digest } from "node:crypto"
import { Layer } from "effect"
import { Tokens } from "../../commands/Tokens.ts"

const hash = (token: string) => digest("sha256", token)

/** `keys`: the server's secrets as bytes, the newest first; older ones only recognise what they made. */
export const layer = (keys: readonly [Uint8Array, ...ReadonlyArray<Uint8Array>]) => {
  const derive = (key: Uint8Array, member: string, command: string) =>
    `tb-${createHmac("sha256", key).update(`crewlog member token\n${member}\n${command}`).digest("base64url")}`
  return Layer.succeed(Tokens, {
    issue: (member, command) => {
      const token = derive(keys[0], member, command)
      return { token, hash: hash(token) }
    },
    again: (member, command, wanted) =>
      keys.map((key) => derive(key, member, command)).find((token) => hash(token) === wanted),
    hash,
  })
}
