import { Effect } from "effect"
import { Allowances } from "../commands/Allowances.ts"
import { memberId } from "../commands/identify.ts"
import { Allowance, AllowanceNotFound } from "../domain/Allowance.ts"
import { Digest } from "../domain/Digest.ts"
import { Slug } from "../domain/Ids.ts"
import { Fleet } from "../projections/Fleet.ts"
import { AllowanceBody, newAllowance, shownAllowance } from "./gatewayBodies.ts"
import { about, command, question } from "./Operation.ts"
import { admins } from "./rights.ts"

const may = admins("manage the gateway")
const bySlug = { slug: Slug }
type BySlug = { readonly slug: string }

const ofAllowance = about(Allowance, ({ slug }: BySlug, digest) => memberId(digest, slug))
const memberOf = (slug: string) => Digest.use((digest) => Effect.succeed(memberId(digest, slug)))
const known = ({ seq }: { readonly seq: number }, { slug }: BySlug) =>
  Effect.flatMap(memberOf(slug), (member) => Fleet.use((fleet) => fleet.caughtUp(member, seq)))

const allowance = { slug: "ada", requests_per_minute: 60, tokens_per_day: null, usd_per_day: 5 }

const setAllowance = command({
  name: "allowance.set",
  summary: "Sets the limits of one member",
  description:
    "All of them anew, in place of those that hold for every member: one that is left out is without limit.",
  input: { ...bySlug, ...newAllowance },
  output: AllowanceBody,
  rest: ["PUT", "/api/admin/allowances/:slug", 200],
  of: ofAllowance,
  may,
  refusals: ["MemberNotFound"],
  example: { input: { slug: "ada", requests_per_minute: 60, usd_per_day: 5 }, output: allowance },
  isVersioned: true,
  isInMemory: true,
  known,
  give: ({ slug, ...limits }, { envelope }) =>
    Allowances.use((allowances) => allowances.set(slug, limits, envelope)),
  tell: ({ state }) => shownAllowance(state),
})

const removeAllowance = command({
  name: "allowance.remove",
  summary: "Removes the limits of one member",
  description: "Those that hold for every member hold for it again.",
  input: bySlug,
  rest: ["DELETE", "/api/admin/allowances/:slug", 204],
  of: ofAllowance,
  may,
  refusals: ["AllowanceNotFound"],
  example: { input: { slug: "ada" } },
  isInMemory: true,
  known,
  give: ({ slug }, { envelope }) => Allowances.use((allowances) => allowances.remove(slug, envelope)),
})

const getAllowance = question({
  name: "allowance.get",
  summary: "Shows the limits of one member",
  description: "Where they are other than what all members may.",
  input: bySlug,
  output: AllowanceBody,
  rest: ["GET", "/api/admin/allowances/:slug", 200],
  may,
  refusals: ["AllowanceNotFound"],
  example: { input: { slug: "ada" }, output: allowance },
  from: "memory",
  isVersioned: true,
  ask: Effect.fnUntraced(function* ({ slug }) {
    const fleet = yield* Fleet
    const member = yield* memberOf(slug)
    const found = fleet.allowanceOf(member)
    if (found === undefined) return yield* new AllowanceNotFound()
    const version = fleet.versionOf(member)
    return { seq: version, body: shownAllowance(found), version }
  }),
})

export const allowances = [getAllowance, setAllowance, removeAllowance]
