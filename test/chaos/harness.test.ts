import { assert, describe, it } from "vitest"
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { compareWithLog } from "../../chaos/checks/acknowledged.ts"
import { compareFrames, type FeedRow } from "../../chaos/checks/frames.ts"
import { findSecrets } from "../../chaos/checks/secrets.ts"
import type { Member } from "../../chaos/Client.ts"
import { type Finding, verdictOf } from "../../chaos/Finding.ts"
import type { Call } from "../../chaos/Journal.ts"
import type { Received } from "../../chaos/Listener.ts"
import { Random } from "../../chaos/Random.ts"
import { Rest } from "../../chaos/Rest.ts"
import { Scene } from "../../chaos/Scene.ts"
import { tableOf } from "../../chaos/table.ts"

describe("Random", () => {
  const some = (random: Random) => Array.from({ length: 20 }, () => random.between(0, 1_000))

  it("Random gives the same again for the same seed, and other forks other things", () => {
    assert.deepEqual(some(new Random(7)), some(new Random(7)))
    assert.notDeepEqual(some(new Random(7)), some(new Random(8)))
    assert.notDeepEqual(some(new Random(7).fork("a")), some(new Random(7).fork("b")))
  })
})

describe("Scene", () => {
  it("a scene speaks to nobody whom it did not start", async () => {
    const scene = new Scene(tmpdir())
    try {
      assert.throws(() => new Rest(scene, "http://127.0.0.1:8100"), /did not start/)
      assert.throws(() => scene.mustOwn("nats://example.org:4222"), /did not start/)
      scene.own(8100)
      assert.doesNotThrow(() => new Rest(scene, "http://127.0.0.1:8100"))
    } finally {
      await scene.end()
    }
    assert.isFalse(existsSync(scene.folder))
  })
})

describe("what clients were told against what is on the log", () => {
  const call = (command: string, outcome: Call["outcome"], seq: number): Call => ({
    command,
    by: "ada",
    kind: "message",
    task: undefined,
    claim: undefined,
    start: 0,
    end: 1,
    outcome,
    answer:
      outcome === "unknown"
        ? undefined
        : { status: outcome === "accepted" ? 201 : 409, body: {}, seq, headers: {} },
  })
  const entry = (seq: number, command: string) => ({ seq, subject: "crew.evt.chat.x", command })
  const log = [entry(1, "ada:k1"), entry(2, "ada:k2"), entry(3, ":sweep")]
  const none = { lost: [], doubled: [], ghosts: [], unheardOf: [] }

  it("agrees where all is well", () => {
    const calls = [call("ada:k1", "accepted", 1), call("ada:k2", "unknown", 0), call("ada:k3", "refused", 0)]
    assert.deepEqual(compareWithLog({ calls }, log), none)
  })
  it("what clients were told against what is on the log finds what was lost, doubled, refused and yet recorded, or never given", () => {
    const found = compareWithLog(
      { calls: [call("ada:k1", "refused", 0), call("ada:k9", "accepted", 3), call("ada:k4", "accepted", 4)] },
      [...log, entry(4, "ada:k4"), entry(5, "ada:k4")],
    )
    assert.lengthOf(found.lost, 1)
    assert.lengthOf(found.doubled, 1)
    assert.lengthOf(found.ghosts, 1)
    assert.deepEqual(found.unheardOf, ["ada:k2"])
  })
})

describe("frames against the feed", () => {
  const member: Member = { slug: "ada", token: "", type: "agent" }
  const row = (seq: number, idx = 0, author = "bob"): FeedRow => ({
    seq,
    idx,
    kind: "message.new",
    audience: { author, mentions: [] },
    payload: { id: `${seq}` },
  })
  const frame = (seq: number, idx = 0): Received => ({
    seq,
    idx,
    type: "message.new",
    data: { id: `${seq}` },
  })
  const compare = (...received: ReadonlyArray<Received>) =>
    compareFrames(
      { from: 1, member, received: [...received], refusals: [] },
      [row(1), row(2), row(3), row(3, 1), row(4, 0, "ada")],
      9,
    )

  it("agree where all is well", () => assert.deepEqual(compare(frame(2), frame(3), frame(3, 1)), []))
  it("miss one", () => assert.match(compare(frame(2), frame(3, 1)).join(), /lost, such as 3\.0/))
  it("frames against the feed have one twice", () =>
    assert.match(compare(frame(2), frame(3), frame(3), frame(3, 1)).join(), /twice, such as 3\.0/))
  it("frames against the feed are out of order", () =>
    assert.match(compare(frame(3), frame(2), frame(3, 1)).join(), /out of order, such as 2\.0/))
  it("frames against the feed hold an agent's own", () =>
    assert.match(compare(frame(2), frame(3), frame(3, 1), frame(4)).join(), /for others, such as 4\.0/))
  it("frames against the feed were changed", () =>
    assert.match(compare({ ...frame(2), data: {} }, frame(3), frame(3, 1)).join(), /changed on their way/))
})

describe("secrets", () => {
  const secrets = new Map([["the token", `tb-${"ab12".repeat(16)}`]])
  const search = (text: string) => findSecrets(secrets, [{ where: "here", text }])

  it("secrets are found as they are, in hex and in base64, wherever they stand", () => {
    assert.deepEqual(search("nothing"), [])
    assert.deepEqual(search(`x tb-${"ab12".repeat(16)} y`), ["the token in here"])
    assert.deepEqual(search(Buffer.from("ab12".repeat(16)).toString("hex")), ["the token in here"])
    assert.deepEqual(search(Buffer.from("ab12".repeat(16)).toString("base64")), ["the token in here"])
    assert.deepEqual(search(Buffer.from("ab12".repeat(16), "hex").toString("base64")), ["the token in here"])
  })
})

describe("verdicts", () => {
  const finding: Finding = { promise: "P1", what: "x", counts: { kills: 3, ms: 9 }, broken: [] }

  it("verdicts count only faults that bit", () => {
    assert.strictEqual(verdictOf({ ...finding, atLeast: { kills: 3 }, atMost: { ms: 9 } }), "kept")
    assert.strictEqual(verdictOf({ ...finding, atLeast: { kills: 4 } }), "TOO TAME")
    assert.strictEqual(verdictOf({ ...finding, atMost: { ms: 8 } }), "BROKEN")
    assert.strictEqual(verdictOf({ ...finding, broken: ["lost"] }), "BROKEN")
    assert.strictEqual(verdictOf({ ...finding, impossible: "no root" }), "NOT SHOWN")
  })
  it("verdicts say loudly what this machine can't do", () =>
    assert.include(
      tableOf([{ ...finding, impossible: "no root" }], false),
      "THIS MACHINE CAN'T MAKE THE FAULT: no root",
    ))
})
