import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFullCampaign, run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { processesOf } from '../src/no-leftovers.ts'
import { asyncCleanups, privateDirectory, until } from '../src/testing/index.ts'

const track = asyncCleanups()
const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs vitest, with the global setup of this repository, on one test file. */
async function runTests(body: string) {
  const made = privateDirectory()
  track(made.remove)
  mkdirSync(join(made.path, 'test'))
  writeFileSync(join(made.path, 'test', 'one.test.ts'), body)
  const config = `export default { root: ${JSON.stringify(made.path)}, test: { globalSetup: [${JSON.stringify(join(packageRoot, 'src/no-leftovers.ts'))}], teardownTimeout: 20000 } }\n`
  writeFileSync(join(made.path, 'vitest.config.mjs'), config)
  const vitest = join(packageRoot, '..', '..', 'node_modules', 'vitest', 'vitest.mjs')
  const { IAPEER_TEST_DIR: _own, ...env } = process.env
  return run(process.execPath, [vitest, 'run', '--config', join(made.path, 'vitest.config.mjs')], {
    env,
    cwd: packageRoot,
    limitMs: 28_000,
  })
}

it('a run that leaves nothing behind passes', async () => {
  const done = await runTests("import { test, expect } from 'vitest'\ntest('a', () => expect(1).toBe(1))\n")
  expect(done).toMatchObject({ exitCode: 0 })
})

it('a run that leaves a file behind fails and reports it', async () => {
  const done = await runTests(
    "import { test } from 'vitest'\nimport { writeFileSync } from 'node:fs'\ntest('a', () => writeFileSync(process.env.IAPEER_TEST_DIR + '/forgotten', ''))\n",
  )
  expect(done.exitCode).not.toBe(0)
  expect(done.stdout + done.stderr).toMatch(/the tests left behind:\s+file \/tmp\/iapt-\w+\/forgotten/)
})

it.runIf(isFullCampaign())('a run that leaves a process behind fails and reports it', async () => {
  const done = await runTests(
    "import { test } from 'vitest'\nimport { spawn } from 'node:child_process'\ntest('a', () => { spawn('sleep', ['20'], { detached: true, stdio: 'ignore' }).unref() })\n",
  )
  expect(done.exitCode).not.toBe(0)
  expect(done.stdout + done.stderr).toMatch(/the tests left behind:\s+process \d+ sleep 20/)
})

it('a process of the run is also found by its arguments', async () => {
  const made = privateDirectory()
  track(made.remove)
  const child = spawn('sleep', ['5'], { argv0: `sleep ${made.path}`, env: {}, stdio: 'ignore' })
  await until('the process', () => processesOf(made.path).length > 0)
  expect(processesOf(made.path)).toEqual([expect.stringContaining(String(child.pid))])
  child.kill('SIGKILL')
})
