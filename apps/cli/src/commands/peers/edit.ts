import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { findProgram, loadExeca } from '@iapeer/core/exec'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  parseProfile,
  peerDirectory,
  profilePath,
  readProfileText,
  replaceProfileText,
} from '@iapeer/core/profile'
import { type PeerEntry, upsertPeer } from '@iapeer/core/registry'
import { readRegularFile, splitWords, writeFileAtomic } from '@iapeer/core/storage'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { commandText, print } from '../../output.ts'
import { PEER } from './peer-argument.ts'
import { peerEntry } from './peer-entry.ts'
import { reportMissingDaemon } from './without-daemon.ts'

/** Returns the command of the editor. It is split into words as a shell does, but no shell runs it. @throws IapeerError `usage` */
function editorCommand(): readonly [string, ...string[]] {
  const { VISUAL, EDITOR } = process.env
  const text = VISUAL || EDITOR || 'vi'
  const [program, ...words] = splitWords(text) ?? []
  if (program !== undefined) return [program, ...words]
  throw usageError(`cannot read the editor ${JSON.stringify(text)}`, 'Set VISUAL or EDITOR to a program.')
}

/** Runs the editor with a file and waits for it. @throws IapeerError `command-not-found`, `edit-failed` */
async function runEditor(path: string): Promise<void> {
  const [program, ...words] = editorCommand()
  if ((await findProgram(program, process.env['PATH'] ?? '', process.cwd())) === undefined)
    throw new IapeerError(`editor not found: ${program}`, {
      code: 'command-not-found',
      hint: 'Set VISUAL or EDITOR to a program that is installed.',
    })
  const { execa } = await loadExeca()
  const { failed, exitCode, signal } = await execa(program, [...words, path], {
    stdio: 'inherit',
    reject: false,
  })
  if (!failed) return
  const how =
    exitCode === undefined ? `was killed by ${signal ?? 'a signal'}` : `exited with code ${exitCode}`
  throw new IapeerError(`the editor ${commandText([program, ...words])} ${how}`, {
    code: 'edit-failed',
    hint: `Nothing was changed; the edit is kept in ${path}.`,
  })
}

/** Prints that an earlier edit is continued, and whether the profile has changed since. */
async function reportContinued(draft: string, path: string): Promise<void> {
  const isOlder = (await stat(draft)).mtimeMs < (await stat(path)).mtimeMs
  const also = isOlder ? ' The profile has changed since: compare them.' : ''
  process.stderr.write(`iapeer: continues the edit that is kept in ${draft}.${also}\n`)
}

/** Checks and saves an edited text. @throws IapeerError `edit-failed`, which names the file of the edit */
async function save(entry: PeerEntry, draft: string, texts: { from: string; to: string }): Promise<void> {
  const { personality, home } = entry
  const keep = (message: string): IapeerError =>
    new IapeerError(message, {
      code: 'edit-failed',
      hint: `Nothing was changed. Continue: iapeer edit ${personality}. Discard the edit: rm ${draft}`,
    })
  try {
    const edited = parseProfile(texts.to, draft)
    if (edited.personality !== personality)
      throw keep(`the edit changes the name to ${edited.personality}; iapeer rename does that`)
    await replaceProfileText(home, texts)
    await rm(draft)
    await upsertPeer(iapeerRoot(), home)
    print(`the profile of ${personality} is saved; what only a start reads applies from the next start`)
    await reportMissingDaemon(edited)
  } catch (error) {
    const codes = ['corrupt-profile', 'invalid-profile', 'profile-changed', 'lock-held']
    if (!isIapeerError(error) || !codes.includes(error.code)) throw error
    throw keep(error.message)
  }
}

export default defineCommand({
  name: 'edit',
  summary: 'edit the profile of a peer in $VISUAL or $EDITOR; it is checked before it is saved',
  args: { peer: PEER },
  run: async ({ args: { peer } }) => {
    const entry = await peerEntry(peer)
    const path = profilePath(entry.home)
    const draft = join(peerDirectory(entry.home), 'peer-profile.edit.json')
    const from = await readProfileText(entry.home)
    if (from === undefined)
      throw new IapeerError(`${entry.home} has no profile`, {
        code: 'no-profile',
        hint: 'Run iapeer verify.',
      })
    if ((await readRegularFile(draft)) === undefined)
      await writeFileAtomic(draft, from, { within: entry.home })
    else await reportContinued(draft, path)
    await runEditor(draft)
    const to = (await readRegularFile(draft))?.text
    if (to !== undefined && to !== from) return save(entry, draft, { from, to })
    await rm(draft, { force: true })
    print(
      'nothing was changed. An editor that returns before you close the file needs an option such as --wait',
    )
  },
})
