import { Program, ADMIN } from "../Program.ts"
import type { Agent } from "../seed.ts"
import { seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"
import type { Stage } from "../Stage.ts"
import { chat } from "./chat.ts"
import type { Manner, Provider } from "./Provider.ts"

const AGENTS = 20
const BACKENDS = 3
/** High enough to stop nobody, so that all of them are looked at. */
const LIMITS = {
  CREWLOG_MEMBER_REQUESTS_PER_MINUTE: "100000000",
  CREWLOG_MEMBER_TOKENS_PER_DAY: "1000000000000",
  CREWLOG_MEMBER_USD_PER_DAY: "1000000000",
}
const MOST_PER_MINUTE = 1_000_000
const PRICES = { input: 0.000_002_5, output: 0.000_01 }

/** A program whose gateway has backends of one provider, and a crew with tokens of its own that asks. */
export class GatewayProgram {
  readonly #program: Program
  readonly #provider: Provider
  readonly #agents: ReadonlyArray<Agent>
  #backends = 0

  private constructor(program: Program, provider: Provider, agents: ReadonlyArray<Agent>) {
    this.#program = program
    this.#provider = provider
    this.#agents = agents
  }

  static async start(
    stage: Stage,
    provider: Provider,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<GatewayProgram> {
    const data = stage.make("gateway")
    const { agents } = await withSeedServer(data, (connection) =>
      seedCrew(connection, { agents: AGENTS, free: 0 }),
    )
    const program = new Program(stage, data, {
      CREWLOG_PRIVATE_UPSTREAMS: provider.host,
      ...LIMITS,
      ...settings,
    })
    await program.start()
    return new GatewayProgram(program, provider, agents)
  }

  get pid(): number {
    return this.#program.pid
  }
  get url(): string {
    return this.#program.where.gateway
  }
  get output(): string {
    return this.#program.output
  }

  /** Three backends that answer so, and map the model. */
  async serve(model: string, manners: ReadonlyArray<Manner>): Promise<void> {
    for (let n = 0; n < BACKENDS; n++) {
      await this.#register(model, manners[n % manners.length] ?? "fast")
    }
  }

  /** The requests of each agent, one after the other. */
  asked(model: string, isStream: boolean): ReadonlyArray<Buffer> {
    return this.#agents.map(({ token }) => chat({ model, isStream, token }))
  }

  async #register(model: string, manner: Manner): Promise<void> {
    const number = ++this.#backends
    const answer = await fetch(`${this.url}/api/admin/backends`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" },
      body: JSON.stringify({
        name: `${manner}-${number}`,
        api_base_url: this.#provider.url + this.#provider.base(manner, number),
        api_key: `sk-bench-${number}`,
        rpm_limit: MOST_PER_MINUTE,
        model_mappings: { [model]: { native_id: "native-model", cost: PRICES } },
      }),
    })
    if (answer.status !== 201) throw new Error(`no backend: ${answer.status} ${await answer.text()}`)
  }
}
