import type { Envelope } from "./Envelope.ts"

/** Fingerprints that say which function made them; older ones bear no mark. */
const MARKED = /^o\d+:/

/**
 * The comparison of a command with the record that its id was used for. A record from before fingerprints were
 * marked is compared with those that the doors of that time would have made of the same request.
 */
export const isSameRequest = (
  recorded: string,
  { fingerprint, olderFingerprints }: Pick<Envelope, "fingerprint" | "olderFingerprints">,
): boolean =>
  recorded === fingerprint ||
  (!MARKED.test(recorded) && olderFingerprints !== undefined && olderFingerprints().includes(recorded))
