import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { asyncCleanups, privateDirectory, run } from '@iapeer/dev/testing'
import { beforeEach, describe, expect, it } from 'vitest'

const track = asyncCleanups()

/** A project with two libraries that are installed as pnpm does it: behind a link, beside what they depend on. */
let directory: string
beforeEach(() => {
  const made = privateDirectory()
  track(made.remove)
  directory = made.path
  for (const name of ['first', 'second']) {
    const store = join(directory, 'store', name, 'node_modules')
    for (const [library, text] of [
      [name, `export { default } from '${name}-part'`],
      [`${name}-part`, `export default '${name} works'`],
    ] as const) {
      mkdirSync(join(store, library), { recursive: true })
      writeFileSync(join(store, library, 'package.json'), '{"type":"module","exports":"./index.js"}')
      writeFileSync(join(store, library, 'index.js'), `${text}\n`)
    }
    mkdirSync(join(directory, 'node_modules'), { recursive: true })
    symlinkSync(join(store, name), join(directory, 'node_modules', name))
  }
})

/** Runs a program in the project, in a process of its own: Node.js keeps what it has resolved. */
async function runProgram(text: string): Promise<string> {
  const socket = join(directory, 's')
  const server = createServer().listen(socket)
  track(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  expect(statSync(socket).isSocket()).toBe(true)
  const program = join(directory, 'program.mjs')
  const libraries = pathToFileURL(join(import.meta.dirname, '..', 'dist', 'libraries.js')).href
  writeFileSync(
    program,
    `import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { importLibrary, requireLibrary } from '${libraries}'
const plain = createRequire(import.meta.url)
plain('first')
statSync('${socket}')
try { ${text} } catch (error) { console.log(error.code) }
`,
  )
  return (await run(process.execPath, ['--no-warnings', program])).stdout.trim()
}

describe('a library behind a link, loaded after a look at a socket', () => {
  it('is loaded by require', async () => {
    const text = "console.log(requireLibrary(import.meta.url, 'second').default)"
    expect(await runProgram(text)).toBe('second works')
  })

  it('is loaded by import', async () => {
    const text = "console.log((await importLibrary(() => import('second'))).default)"
    expect(await runProgram(text)).toBe('second works')
  })

  it('is found by Node.js itself only if it has corrected its fault', async ({ skip }) => {
    const output = await runProgram("console.log(plain('second').default)")
    if (output === 'second works') skip('this Node.js does not have the fault')
    expect(output).toBe('ERR_MODULE_NOT_FOUND')
  })
})
