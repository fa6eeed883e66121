import { iapeerRoot } from '@iapeer/core/paths'
import { type Divergence, listPeers, repairRegistry, verifyRegistry } from '@iapeer/core/registry'
import { finishRename, unfinishedRename } from '@iapeer/lifecycle/fleet'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'

const OPTIONS = {
  fix: { help: 'correct the registry from the profiles; rebuild it if it is lost or corrupt' },
  json: { help: 'print NDJSON: a line with one JSON object per finding' },
} as const
type VerifyOptions = OptionValues<typeof OPTIONS>

type State = 'found' | 'fixed' | 'left'
const GLYPH: Readonly<Record<State, string>> = {
  found: paint('yellow', '!'),
  fixed: paint('green', '✓'),
  left: paint('red', '!'),
}

function report(divergence: Divergence, state: State, options: VerifyOptions): void {
  if (options.json) {
    printJson({ ...divergence, ...(state === 'found' ? {} : { fixed: state === 'fixed' }) })
    return
  }
  const peer = divergence.personality ?? divergence.home
  print(
    `${GLYPH[state]} ${peer === undefined ? '' : `${paint('bold', plain(peer))}: `}${plain(divergence.detail)}`,
  )
}

async function reportAgreement(options: VerifyOptions): Promise<void> {
  if (options.json) return
  const { length } = await listPeers(iapeerRoot())
  print(`${paint('green', '✓')} registry and profiles agree (${length} peer${length === 1 ? '' : 's'})`)
}

async function fix(options: VerifyOptions): Promise<void> {
  const { fixed, left, keptCopy } = await repairRegistry(iapeerRoot(), new Date())
  for (const one of fixed) report(one, 'fixed', options)
  for (const one of left) report(one, 'left', options)
  if (!options.json && keptCopy !== undefined) print(`  the corrupt file is kept as ${keptCopy}`)
  if (left.length === 0) await reportAgreement(options)
  else process.exitCode = EXIT.failed
}

/** Returns a finding if a rename was interrupted. */
function interruptedRename(): Divergence[] {
  const rename = unfinishedRename(iapeerRoot())
  if (rename === undefined) return []
  const { from, to, home } = rename
  const detail = `its rename from ${from} to ${to} was interrupted`
  return [{ kind: 'rename-unfinished', personality: from, home, detail, fixable: true }]
}

/** Exits with 1 if registry and profiles differ. */
export default defineCommand({
  name: 'verify',
  summary: 'compare the registry (the list of peers) with the profiles in the homes of the peers',
  options: OPTIONS,
  run: async ({ options }) => {
    const interrupted = interruptedRename()
    if (options.fix) {
      if (await finishRename(iapeerRoot())) for (const one of interrupted) report(one, 'fixed', options)
      return fix(options)
    }
    const found = [...interrupted, ...(await verifyRegistry(iapeerRoot()))]
    if (found.length === 0) return reportAgreement(options)
    process.exitCode = EXIT.failed
    for (const one of found) report(one, 'found', options)
    if (!options.json && found.some((one) => one.fixable)) print('  iapeer verify --fix repairs what it can')
  },
})
