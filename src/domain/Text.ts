import { Schema } from "effect"

const bytes = new TextEncoder()

const storable = Schema.makeFilter((text: string) =>
  text.isWellFormed() && !text.includes("\0") ? undefined : "must not contain NUL or lone surrogates",
)

/** Text that PostgreSQL can store and that has at most `maximum` characters (security.md). */
export const Line = (maximum: number) =>
  Schema.String.check(
    storable,
    Schema.makeFilter((text: string) =>
      text.length <= maximum || [...text].length <= maximum
        ? undefined
        : `must have at most ${maximum} characters`,
    ),
  )

/** The same with at least one character that is not white space. */
export const Title = (maximum: number) =>
  Line(maximum).check(Schema.isPattern(/\S/, { message: "must not be empty" }))

/** Long text: at most 64 KiB of UTF-8, the limit of descriptions and contents. */
export const Body = Schema.String.check(
  storable,
  Schema.makeFilter((text: string) =>
    text.length * 3 <= 65_536 || bytes.encode(text).length <= 65_536
      ? undefined
      : "must be at most 64 KiB of UTF-8",
  ),
)
