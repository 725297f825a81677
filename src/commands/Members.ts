import { Context, Effect, Layer, Result, Schema } from "effect"
import { Digest } from "../domain/Digest.ts"
import {
  Member,
  type MemberCommand,
  type MemberEvent,
  type MemberRefusal,
  type MemberState,
} from "../domain/Member.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { memberId } from "./identify.ts"
import { keyReserver } from "./reserveKey.ts"
import { Tokens } from "./Tokens.ts"

type Command<Tag> = Extract<MemberCommand, { readonly _tag: Tag }>
type Registration = Omit<Command<"RegisterMember">, "_tag" | "id" | "token_hash">

export type NewMember = Pick<Registration, "name" | "slug" | "type"> & Partial<Registration>
export type MemberChanges = Omit<Command<"ConfigureMember">, "_tag">

/** The command was accepted before, and the key that its token was made with is gone: ask for a new token. */
export class TokenForgotten extends Schema.TaggedError<TokenForgotten>()("TokenForgotten", {}) {}

type MemberOutcome = Outcome<MemberState, MemberEvent>
type Failure = MemberRefusal | DispatchFailure
interface Admitted {
  readonly outcome: MemberOutcome
  /** Shown this once; the log holds its hash only. */
  readonly token: string
}

/** The members of the crew, and by which token each is known. */
export class Members extends Context.Service<
  Members,
  {
    readonly register: (
      member: NewMember,
      envelope: Envelope,
    ) => Effect.Effect<Admitted, Failure | TokenForgotten>
    readonly change: (
      slug: string,
      changes: MemberChanges,
      envelope: Envelope,
    ) => Effect.Effect<MemberOutcome, Failure>
    /** A new token; the old one is dead. */
    readonly rotate: (slug: string, envelope: Envelope) => Effect.Effect<Admitted, Failure | TokenForgotten>
  }
>()("crewlog/commands/Members") {
  static readonly layer = Layer.effect(
    Members,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest
      const tokens = yield* Tokens
      const reserveKey = keyReserver(dispatcher, digest)

      const admit = Effect.fnUntraced(function* (
        slug: string,
        command: (token_hash: string) => MemberCommand,
        envelope: Envelope,
      ) {
        const id = memberId(digest, slug)
        const issued = tokens.issue(id, envelope.commandId)
        const outcome = yield* dispatcher.dispatch(Member, id, command(issued.hash), envelope)
        const hash = outcome.state._tag === "Known" ? outcome.state.token_hash : ""
        const token = hash === issued.hash ? issued.token : tokens.again(id, envelope.commandId, hash)
        return token === undefined ? yield* new TokenForgotten() : { outcome, token }
      })

      const register = Effect.fnUntraced(function* (member: NewMember, envelope: Envelope) {
        const { slug } = member
        const id = memberId(digest, slug)
        const command = (token_hash: string): MemberCommand => ({
          _tag: "RegisterMember",
          ...blank,
          ...member,
          id,
          token_hash,
        })
        const { state } = yield* dispatcher.load(Member, id)
        // The key of a registration that is refused stays free.
        const { hash } = tokens.issue(id, envelope.commandId)
        if (Result.isSuccess(Member.decide(command(hash), state))) yield* reserveKey(envelope)
        return yield* admit(slug, command, envelope)
      })

      return Members.of({
        register,
        change: (slug, changes, envelope) =>
          dispatcher.dispatch(
            Member,
            memberId(digest, slug),
            { _tag: "ConfigureMember", ...changes },
            envelope,
          ),
        rotate: (slug, envelope) =>
          admit(slug, (token_hash) => ({ _tag: "RotateToken", token_hash }), envelope),
      })
    }),
  )
}

const blank = {
  role: "member",
  capabilities: [],
  chat_listen: "all",
  task_listen: "all",
  prompt: null,
  model: null,
} as const
