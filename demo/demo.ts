import { type HistoryEntry, meantFor, Member, type Project, refusal, type Step, type Task } from "./Crew.ts"
import { expect } from "./expect.ts"
import { perform, type Stage } from "./perform.ts"
import type { Frame } from "./Socket.ts"
import { accountOf, frameText, type Name, nameOf, titled } from "./words.ts"

/**
 * Three scripted agents and a person work through a board, over the public interfaces alone: REST for
 * what they do, WebSocket for what they hear. It ends at the first thing that is not as told.
 */
const story = async (stage: Stage): Promise<void> => {
  const cast = await aBoardAndACrew(stage)
  await firstComeFirstServed(stage, cast)
  await workSaidAloud(stage, cast)
  await anAgentDies(stage, cast)
  await awayAndBack(stage, cast)
  await theLogsOwnAccount(stage, cast)
}

interface Cast extends Readonly<Record<Name, Member>> {
  readonly project: Project
  readonly design: Task
  readonly build: Task
  readonly release: Task
  readonly docs: Task
}

const CREW = {
  mia: { name: "Mia", type: "human", chat_listen: "all", task_listen: "all" },
  ada: { name: "Ada", type: "agent", chat_listen: "all", task_listen: "all" },
  bob: { name: "Bob", type: "agent", chat_listen: "all", task_listen: "all" },
  eve: { name: "Eve", type: "agent", chat_listen: "mentions", task_listen: "assigned" },
} as const

const aBoardAndACrew = async (stage: Stage): Promise<Cast> => {
  const { admin, afterwards, suffix, tell } = stage
  tell.chapter("1. A board and a crew")

  const slug = `night-ferry${suffix}`
  const project = await admin.post<Project>("/projects", { name: "Night Ferry", slug })
  afterwards.push(() => admin.patch(`/projects/${slug}`, { status: "archived" }))
  const mia = await enrolled("mia", stage)
  const ada = await enrolled("ada", stage)
  const bob = await enrolled("bob", stage)
  const eve = await enrolled("eve", stage)
  await tell.does(
    "admin",
    "opens the project Night Ferry; enrols mia, a person, and the agents ada, bob and eve",
  )

  const { greeting } = await mia.connect(project)
  mia.socket.beat("online")
  await tell.does("mia", `connects, and hears what happens after log position ${greeting.seq}`)

  const add = (title: string, depends_on: ReadonlyArray<string>, key?: string) =>
    mia.post<Task>(`/tasks?project_slug=${slug}`, { title, depends_on }, { key })
  const design = await add("Design the timetable", [])
  await tell.does("mia", `plans ${titled(design)}`)
  const build = await add("Build the booking service", [design.id])
  await tell.does("mia", `plans ${titled(build)}, which waits for ${design.key}`)
  const release = await add("Release to the first port", [build.id])
  await tell.does("mia", `plans ${titled(release)}, which waits for ${build.key}`)

  const key = `docs${suffix}`
  const docs = await add("Write the docs", [], key)
  const again = await add("Write the docs", [], key)
  await tell.does("mia", `plans ${titled(docs)}; unsure whether it arrived, she sends it once more`)
  expect("a POST that is repeated with its Idempotency-Key gives the same task", again.id, docs.id)
  const board = await mia.get<ReadonlyArray<Task>>(`/tasks?project_id=${project.id}`)
  expect(
    "the board has these four tasks",
    board.map(({ id }) => id).toSorted(),
    [design, build, release, docs].map(({ id }) => id).toSorted(),
  )
  await tell.checked(`the same Idempotency-Key, the same task: ${board.length} tasks on the board`)
  const poem = await mia.send("POST", `/tasks?project_slug=${slug}`, { body: { title: "Write a poem" }, key })
  const { code } = refusal("a key is good for one body only", poem, 422, "idempotency_key_reused")
  await tell.checked(`the same key with another body: ${poem.status} ${code}`)

  for (const [name, agent] of [
    ["ada", ada],
    ["bob", bob],
    ["eve", eve],
  ] as const) {
    const { greeting } = await agent.connect(project)
    expect(`${name} is told who it is`, greeting.slug, agent.slug)
    expect(
      `${name} is told of the project`,
      greeting.projects.some(({ id }) => id === project.id),
      true,
    )
    agent.socket.beat("online")
    const { chat_listen, task_listen } = CREW[name]
    await tell.does(name, `connects; listens to messages: ${chat_listen}, tasks: ${task_listen}`)
    const frame = await mia.socket.hears("agent.status", { slug: agent.slug, status: "online" })
    await tell.hears("mia", frameText(frame, { mia, ada, bob, eve }))
  }
  return { project, mia, ada, bob, eve, design, build, release, docs }
}

const firstComeFirstServed = async ({ tell }: Stage, cast: Cast): Promise<void> => {
  const { ada, bob, build, design, docs, eve, mia } = cast
  tell.chapter("2. First come, first served")

  const early = await eve.tryToTake(build)
  const { open } = refusal("a task that waits for another can't be taken", early, 409, "dependencies_open")
  expect(
    "the refusal names what is waited for",
    open?.map(({ key }) => key),
    [design.key],
  )
  await tell.does("eve", `reaches for ${build.key}: 409, it waits for ${design.key}`)

  await tell.does("demo", `ada, bob and eve reach for ${docs.key} in the same moment`)
  const racers = [ada, bob, eve]
  const tries = await Promise.all(
    racers.map(async (racer) => ({ racer, answer: await racer.tryToTake(docs) })),
  )
  const [first, ...others] = tries.filter(({ answer }) => answer.status === 200)
  expect(
    "one of the three gets the task",
    { somebody: first !== undefined, others: others.length },
    { somebody: true, others: 0 },
  )
  if (first === undefined) return
  const { racer: winner } = first
  const { assignee_slug } = await mia.get<Task>(`/tasks/${docs.id}`)
  expect("the board shows the winner as the holder", assignee_slug, winner.slug)
  await tell.does(nameOf(winner.slug, cast), `200, ${docs.key} is mine`)
  for (const { answer, racer } of tries.filter((one) => one !== first)) {
    const { holder } = refusal("who comes later is refused", answer, 409, "task_already_taken")
    expect("the refusal names the holder", holder, winner.slug)
    await tell.does(nameOf(racer.slug, cast), `409, ${nameOf(holder, cast)} holds it`)
  }

  // To take what one holds changes nothing, and says the claim again.
  const { claim } = await winner.take(docs)
  await winner.move(docs, "in_progress", claim)
  await winner.comment(docs, "One page: how to book, how to cancel, whom to call at night.")
  await winner.move(docs, "done", claim)
  await tell.does(
    nameOf(winner.slug, cast),
    `writes the page, says so in a comment, and sets ${docs.key} done`,
  )
}

const workSaidAloud = async ({ tell }: Stage, cast: Cast): Promise<void> => {
  const { ada, bob, design, eve, mia, project } = cast
  tell.chapter("3. Work, said aloud")

  const { claim } = await ada.take(design)
  await ada.move(design, "in_progress", claim)
  await tell.does("ada", `takes ${titled(design)}, and starts`)
  const started = await mia.socket.hears("task.updated", { id: design.id, status: "in_progress" })
  await tell.hears("mia", frameText(started, cast))
  ada.socket.beat("busy")
  await tell.hears(
    "mia",
    frameText(await mia.socket.hears("agent.status", { slug: ada.slug, status: "busy" }), cast),
  )

  for (const title of ["List the ports", "Draft the departures"]) {
    await ada.tick(design, title, claim)
    await tell.does("ada", `[x] ${title}`)
  }
  const steps = await ada.get<ReadonlyArray<Step>>(`/tasks/${design.id}/steps`)
  expect(
    "both steps are there, and ticked",
    steps.map(({ done }) => done),
    [true, true],
  )

  const asked = `@${eve.slug}, a second pair of eyes on ${design.key}, please?`
  const question = await ada.socket.say({ chat_id: project.chat_id, content: asked, mentions: [eve.slug] })
  await tell.does("ada", `in the project's chat: ${asked}`)
  await tell.hears("eve", frameText(await eve.socket.hears("message.new", { id: question.id }), cast))

  const aside = { chat_id: project.chat_id, content: "A good table, if you ask me." }
  const remark = await bob.post<{ readonly id: string }>("/messages", aside)
  await tell.does("bob", `in the same chat, to nobody by name: ${aside.content}`)
  const overheard = await ada.socket.hears("message.new", { id: remark.id })
  await tell.hears("ada", frameText(overheard, cast))
  await Promise.all([ada, bob, eve].map(({ socket }) => socket.caughtUp(overheard.seq)))
  expect("ada is not sent her own message", messagesTo(ada).includes(question.id), false)
  expect("bob is not sent his own message", messagesTo(bob).includes(remark.id), false)
  expect("eve is sent no message that doesn't mention her", messagesTo(eve).includes(remark.id), false)
  await tell.checked("nobody heard itself, and eve, who listens to mentions, only what was for her")

  await ada.move(design, "in_review", claim)
  await tell.does("ada", `puts ${design.key} in_review`)
  await mia.comment(design, "The 02:10 is brave, but fine.")
  await mia.move(design, "done")
  await tell.does("mia", `comments on ${design.key}, and sets it done`)
  await tell.hears(
    "ada",
    frameText(await ada.socket.hears("task.updated", { id: design.id, status: "done" }), cast),
  )
}

const anAgentDies = async ({ offlineWithin, silence, tell }: Stage, cast: Cast): Promise<void> => {
  const { ada, bob, build, eve, mia, project } = cast
  tell.chapter("4. An agent dies, and comes back as a zombie")

  const { claim } = await bob.take(build)
  await bob.move(build, "in_progress", claim)
  await tell.does("bob", `takes ${build.key}, which waits for nothing any more; his claim is ${claim}`)

  const { position } = ada.socket
  const since = tell.seconds
  bob.socket.tear()
  await tell.does("bob", "(his machine is gone: the line is cut, no goodbye, no heartbeats)")
  await tell.does("demo", `waits for the server to notice; that takes ${silence}`)
  const silent = { slug: bob.slug, status: "offline" }
  const [noticed] = await Promise.all([
    ada.socket.hears("agent.status", silent, position, offlineWithin),
    mia.socket.hears("agent.status", silent, position, offlineWithin),
  ])
  await tell.hears(
    "ada",
    `${frameText(noticed, cast)}, after ${(tell.seconds - since).toFixed(1)} s of silence`,
  )

  await mia.post(`/tasks/${build.id}/assign`, { slug: eve.slug })
  await tell.does("mia", `hands ${build.key} to eve`)
  const assigned = await eve.socket.hears("task.assigned", { id: build.id, assignee_slug: eve.slug })
  await tell.hears("eve", frameText(assigned, cast))

  const late = await bob.send("PATCH", `/tasks/${build.id}`, { body: { status: "done" }, claim })
  const { claim: valid, code } = refusal(
    "a change with an outdated claim is refused",
    late,
    409,
    "stale_claim",
  )
  expect("the claim that holds is the position of the handing over", valid, assigned.seq)
  await tell.does("bob", `(wakes up, and knows of nothing) ${build.key} is done! Crewlog-Claim: ${claim}`)
  await tell.checked(`${late.status} ${code}: the claim that holds is ${valid}`)
  const { assignee_slug, status } = await bob.get<Task>(`/tasks/${build.id}`)
  expect(
    "the zombie changed nothing",
    { assignee_slug, status },
    { assignee_slug: eve.slug, status: "in_progress" },
  )
  await bob.connect(project)
  bob.socket.beat("idle")
  await mia.socket.hears("agent.status", { slug: bob.slug, status: "idle" }, assigned.seq)
  await tell.does("bob", `looks: ${build.key} is eve's, and in_progress. He connects anew, and waits`)
}

const awayAndBack = async ({ tell }: Stage, cast: Cast): Promise<void> => {
  const { ada, bob, build, eve, mia, project, release } = cast
  tell.chapter("5. Away, and back without a gap")

  const before = ada.socket
  await before.caughtUp(mia.socket.position)
  before.tear()
  const { greeting, position: resume } = before
  await tell.does("ada", `(loses her connection; she has seen everything up to ${resume})`)

  const { claim } = await eve.take(build)
  eve.socket.beat("busy")
  await mia.socket.hears("agent.status", { slug: eve.slug, status: "busy" }, resume)
  await eve.tick(build, "Book, pay, cancel", claim)
  await tell.does("eve", `is busy with ${build.key}: [x] Book, pay, cancel`)
  await eve.comment(build, "Paying twice is not possible. I tried.")
  await eve.move(build, "done", claim)
  await tell.does("eve", `comments, and sets ${build.key} done; her claim ${claim} holds`)
  const content = `@${ada.slug}, the release is yours.`
  const call = { chat_id: project.chat_id, content, mentions: [ada.slug] }
  const { id } = await mia.post<{ readonly id: string }>("/messages", call)
  await tell.does("mia", `in the project's chat: ${content}`)
  const { seq: upTo } = await mia.socket.hears("message.new", { id })

  await ada.connect(project, { resume, epoch: greeting.epoch })
  ada.socket.beat("online")
  await Promise.all([ada, mia].map(({ socket }) => socket.caughtUp(upTo)))
  await tell.does("ada", `connects with "resume": ${resume}`)
  const isMissed = ({ seq }: Frame) => seq > resume && seq <= upTo
  const missed = ada.socket.pushed.filter(isMissed)
  for (const frame of missed) await tell.hears("ada", frameText(frame, cast))
  const witnessed = meantFor(ada.slug, mia.socket.pushed.filter(isMissed))
  expect("she is sent what mia, who stayed, was sent meanwhile", missed, witnessed)
  expect("the last of it is mia's call", missed.at(-1)?.data["id"], id)
  expect("nothing comes twice or out of order", isAscending([...before.pushed, ...ada.socket.pushed]), true)
  await tell.checked(
    `${missed.length} frames, the same as mia's, who stayed: none missing, none twice, in order`,
  )

  const { claim: held } = await ada.take(release)
  await ada.move(release, "in_progress", held)
  await ada.move(release, "done", held)
  await tell.does("ada", `takes ${titled(release)}, and sets it done`)
  await tell.hears(
    "bob",
    frameText(await bob.socket.hears("task.updated", { id: release.id, status: "done" }), cast),
  )
  const board = await mia.get<ReadonlyArray<Task>>(`/tasks?project_id=${project.id}`)
  expect(
    "all four tasks are done",
    board.map(({ status }) => status),
    ["done", "done", "done", "done"],
  )
  await tell.checked(`the board: ${board.length} of ${board.length} tasks done`)
}

const theLogsOwnAccount = async ({ tell }: Stage, cast: Cast): Promise<void> => {
  const { build, mia } = cast
  tell.chapter(`6. The log's own account of ${build.key}`)

  const history = await mia.get<ReadonlyArray<HistoryEntry>>(`/tasks/${build.id}/history`)
  await tell.table(accountOf(history, cast))
  expect(
    "the log says what the story said",
    history.map(({ actor, event }) => `${nameOf(actor, cast)} ${event}`),
    [
      "mia TaskCreated",
      "bob TaskTaken",
      "bob TaskMoved",
      "mia TaskAssigned",
      "eve TaskStepAdded",
      "eve TaskStepChanged",
      "eve TaskMoved",
    ],
  )
  expect("positions only grow", isAscending(history), true)
  await tell.checked("who did what, each once and in order; what the zombie tried is not there")
}

const enrolled = async (name: Name, { admin, afterwards, place, suffix }: Stage): Promise<Member> => {
  const slug = `${name}${suffix}`
  const { token } = await admin.post<{ readonly token: string }>("/members", { slug, ...CREW[name] })
  const member = new Member(place, slug, token)
  afterwards.push(() => admin.patch(`/members/${slug}`, { is_enabled: false }))
  afterwards.push(async () => member.leave())
  return member
}

const messagesTo = ({ socket }: Member) =>
  socket.pushed.flatMap(({ data, type }) => (type === "message.new" ? [data["id"]] : []))

/** Answers whether each frame stands behind the one before it on the log; `idx` tells apart those of one record. */
const isAscending = (places: ReadonlyArray<{ readonly seq: number; readonly idx?: number }>): boolean =>
  places.every(({ idx = 0, seq }, index) => {
    const { idx: lastIdx = 0, seq: last } = places[index - 1] ?? { seq: 0 }
    return seq > last || (seq === last && idx > lastIdx)
  })

process.exit(await perform(story))
