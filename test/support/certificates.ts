import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

// Made with openssl for the years 2020 to 2119. The authorities' own keys are not kept.
const pathOf = (name: string) => fileURLToPath(new URL(`tls/${name}.pem`, import.meta.url))
const read = (name: string) => readFileSync(pathOf(name), "utf8")

/** The certificate of a server and its key, as PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

const key = read("key")

/** As localhost, by the authority of these tests. */
export const here: Identity = { cert: read("here"), key }
/** By the same authority, as elsewhere.example. */
export const elsewhere: Identity = { cert: read("elsewhere"), key }
/** As localhost, by an authority that nobody knows. */
export const untrusted: Identity = { cert: read("untrusted"), key }

/** The file with the certificate of the authority of these tests. */
export const authority = pathOf("authority")
