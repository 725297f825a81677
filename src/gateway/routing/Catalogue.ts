import type { Candidate, Wanted } from "./choose.ts"
import type { Route } from "./Route.ts"
import { RoutedBackend } from "./RoutedBackend.ts"

const NOBODY: ReadonlyArray<Candidate> = []

/** All backends of this node, the oldest first, and who maps which model. */
export class Catalogue {
  #backends: ReadonlyMap<string, RoutedBackend> = new Map()
  #byModel: ReadonlyMap<string, ReadonlyArray<Candidate>> = new Map()

  /** Takes over what the log says; those that are new begin with a full bucket if `isFull`. */
  update(routes: ReadonlyArray<Route>, nodes: number, now: number, isFull: boolean): void {
    const backends = new Map<string, RoutedBackend>()
    for (const route of routes.toSorted(byAge)) {
      const { id } = route.backend
      const known = this.#backends.get(id)
      known?.follow(route, nodes, now)
      backends.set(id, known ?? new RoutedBackend(route, nodes, now, isFull))
    }
    this.#backends = backends
    this.#byModel = byModel(backends)
  }

  get(id: string): RoutedBackend | undefined {
    return this.#backends.get(id)
  }

  all(): Iterable<RoutedBackend> {
    return this.#backends.values()
  }

  /** True if it was not removed. */
  has(backend: RoutedBackend): boolean {
    return this.#backends.get(backend.id) === backend
  }

  /** The backends that map the model, on whatever wire. */
  candidates(model: string): ReadonlyArray<Candidate> {
    return this.#byModel.get(model) ?? NOBODY
  }

  /** True if a backend maps the model on one of the wires, be it ready or not. */
  knows({ apis, model }: Pick<Wanted, "apis" | "model">): boolean {
    return this.candidates(model).some(({ backend }) => apis.includes(backend.route.backend.api))
  }
}

const order = (one: string, other: string) => Number(one > other) - Number(one < other)

const byAge = ({ backend: one }: Route, { backend: other }: Route) =>
  order(one.created_at, other.created_at) || order(one.id, other.id)

const byModel = (backends: ReadonlyMap<string, RoutedBackend>) => {
  const candidates = new Map<string, Array<Candidate>>()
  for (const backend of backends.values()) {
    for (const [model, mapping] of Object.entries(backend.route.backend.model_mappings)) {
      const known = candidates.get(model)
      if (known === undefined) candidates.set(model, [{ backend, mapping }])
      else known.push({ backend, mapping })
    }
  }
  return candidates
}
