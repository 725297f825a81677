/** A line of the log that is no damage, and is not folded: a stray message, or a record that only a newer program can read. */
interface Aside {
  readonly seq: number
  readonly subject: string
  readonly why: string
}

const NAMED = 1_000

/** The lines that were set aside, in the log's order. The first 1,000 are kept, the others counted. */
export class SetAside {
  readonly first: Array<Aside> = []
  count = 0

  note(seq: number, subject: string, why: string): void {
    this.count += 1
    if (this.first.length < NAMED) this.first.push({ seq, subject, why })
  }
}
