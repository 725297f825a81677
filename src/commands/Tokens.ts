import { Context } from "effect"

/**
 * Member tokens: `tb-` and 256 bits that nobody can guess. They are derived from a server secret
 * and the command that asked for them, so that a repeated command can give the first answer again
 * though no token is ever stored; the log holds `sha256(token)` only (architecture.md section 10).
 */
export class Tokens extends Context.Service<
  Tokens,
  {
    readonly issue: (member: string, command: string) => { readonly token: string; readonly hash: string }
    /** The token that this command was answered with, if its hash is still this one's. */
    readonly again: (member: string, command: string, hash: string) => string | undefined
    readonly hash: (token: string) => string
  }
>()("crewlog/commands/Tokens") {}
