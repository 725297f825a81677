import { DateTime } from "effect"

/** Milliseconds since 1970 of an instant as the log has it. */
export const millisOf = (instant: string): number => DateTime.toEpochMillis(DateTime.makeUnsafe(instant))

/** The instant as the log has it, of milliseconds since 1970. */
export const instantOf = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
