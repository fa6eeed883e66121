import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { asyncCleanups, privateDirectory, run } from '../src/testing/index.ts'
import { publishedPackages, REPOSITORY, workspacePackages } from '../src/workspace.ts'

interface Status {
  readonly releases: readonly { readonly name: string; readonly type: string; readonly newVersion: string }[]
}

const track = asyncCleanups()
const CHANGESET = join(REPOSITORY, 'node_modules', '@changesets', 'cli', 'bin.js')

/** A copy of what changesets reads of this repository, committed on its main branch. */
async function copyOfTheWorkspace(): Promise<string> {
  const made = privateDirectory()
  track(made.remove)
  const manifests = workspacePackages().map(({ directory }) => join(directory, 'package.json'))
  for (const file of ['.changeset/config.json', 'pnpm-workspace.yaml', ...manifests]) {
    mkdirSync(dirname(join(made.path, file)), { recursive: true })
    cpSync(join(REPOSITORY, file), join(made.path, file))
  }
  const git = (...args: string[]) =>
    run('git', ['-C', made.path, '-c', 'user.name=test', '-c', 'user.email=test@example.org', ...args])
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    ['commit', '-q', '-m', 'All'],
  ])
    expect(await git(...args)).toMatchObject({ exitCode: 0, stderr: '' })
  return made.path
}

it('a changeset of one package releases every published package as one version, with what the command contains', async () => {
  const root = await copyOfTheWorkspace()
  const text = '---\n"@iapeer/core": minor\n---\n\nPeers have a new setting.\n'
  writeFileSync(join(root, '.changeset', 'one.md'), text)
  const done = await run(process.execPath, [CHANGESET, 'status', '--output', 'status.json'], { cwd: root })
  expect(done).toMatchObject({ exitCode: 0, stderr: '' })

  const { releases }: Status = JSON.parse(readFileSync(join(root, 'status.json'), 'utf8'))
  const released = releases.filter(({ type }) => type !== 'none')
  expect(released.map(({ name }) => name).sort()).toEqual(
    // The drill is not published: it is a part of the command, and requires the other packages in their new version.
    [...publishedPackages().map(({ manifest }) => manifest.name), '@iapeer/drill'].sort(),
  )
  expect(new Set(released.map(({ newVersion }) => newVersion)).size).toBe(1)
})

it('the changesets of this repository can be read', async () => {
  const root = await copyOfTheWorkspace()
  const changesets = readdirSync(join(REPOSITORY, '.changeset')).filter((name) => name.endsWith('.md'))
  for (const name of changesets) cpSync(join(REPOSITORY, '.changeset', name), join(root, '.changeset', name))
  const done = await run(process.execPath, [CHANGESET, 'status', '--output', 'status.json'], { cwd: root })
  expect(done).toMatchObject({ exitCode: 0, stderr: '' })
  const read: { readonly changesets: readonly { readonly id: string }[] } = JSON.parse(
    readFileSync(join(root, 'status.json'), 'utf8'),
  )
  expect(read.changesets.map(({ id }) => `${id}.md`).sort()).toEqual(changesets.sort())
})

it('a changeset that names an unknown package is refused', async () => {
  const root = await copyOfTheWorkspace()
  writeFileSync(join(root, '.changeset', 'one.md'), '---\n"@iapeer/none": minor\n---\n\nNothing.\n')
  const done = await run(process.execPath, [CHANGESET, 'status'], { cwd: root })
  expect(done.exitCode).toBe(1)
  expect(done.stdout + done.stderr).toContain('@iapeer/none')
})
