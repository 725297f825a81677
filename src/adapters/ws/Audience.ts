import type { Frame } from "../../projections/ReadModel.ts"
import type { Listener } from "./Listener.ts"

/** The listeners of a node, all of them and by project. */
export class Audience {
  readonly #all = new Set<Listener>()
  readonly #byProject = new Map<string, Set<Listener>>()

  get all(): ReadonlySet<Listener> {
    return this.#all
  }

  /** The listeners that a frame may concern. */
  of({ project_id }: Frame): ReadonlySet<Listener> {
    return project_id === null ? this.#all : (this.#byProject.get(project_id) ?? nobody)
  }

  add(listener: Listener): void {
    this.#all.add(listener)
  }

  leave(listener: Listener): void {
    this.#all.delete(listener)
    for (const project of listener.projects.keys()) this.#forget(project, listener)
  }

  subscribe(listener: Listener, project: string, from: number): void {
    if (listener.projects.has(project)) return
    listener.projects.set(project, from)
    const known = this.#byProject.get(project)
    if (known === undefined) this.#byProject.set(project, new Set([listener]))
    else known.add(listener)
  }

  unsubscribe(listener: Listener, project: string): void {
    listener.projects.delete(project)
    this.#forget(project, listener)
  }

  #forget(project: string, listener: Listener): void {
    const known = this.#byProject.get(project)
    known?.delete(listener)
    if (known?.size === 0) this.#byProject.delete(project)
  }
}

const nobody: ReadonlySet<Listener> = new Set()
