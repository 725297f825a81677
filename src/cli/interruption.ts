/**
 * The exit code of a command that Ctrl-C or SIGTERM ends: 130, since it did not do what it should. Commands whose
 * way to end this is set it to 0.
 */
export const interruption = { code: 130 }
