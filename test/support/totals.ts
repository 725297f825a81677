import type { Reporter, SerializedError, TestModule } from "vitest/node"

/**
 * Ends a test run with a line `N passed, N failed`. A file that can't be loaded, an error outside any test
 * and a run without any test count as failed.
 */
export default class Totals implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<SerializedError>) {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    )
    const broken = modules.filter((module) => module.errors().length > 0).length + errors.length
    const count = (state: string) => states.filter((each) => each === state).length
    const passed = count("passed")
    const failed = count("failed") + broken
    const others = states.length - passed - count("failed")
    if (others > 0) console.log(`${others} not run`)
    console.log(`${passed} passed, ${passed + failed === 0 ? 1 : failed} failed`)
  }
}
