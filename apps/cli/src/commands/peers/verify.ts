import { iapeerRoot } from '@iapeer/core/paths'
import { type Divergence, listPeers, repairRegistry, verifyRegistry } from '@iapeer/core/registry'
import { finishRename, unfinishedRename } from '@iapeer/lifecycle/fleet'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'

const OPTIONS = {
  fix: { help: 'make the registry say what the profiles say; rebuild one that is lost or corrupt' },
  json: { help: 'one JSON object a finding' },
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
  const who = divergence.personality ?? divergence.home
  print(
    `${GLYPH[state]} ${who === undefined ? '' : `${paint('bold', plain(who))}: `}${plain(divergence.detail)}`,
  )
}

async function agree(options: VerifyOptions): Promise<void> {
  if (options.json) return
  const { length } = await listPeers(iapeerRoot())
  print(`${paint('green', '✓')} registry and profiles agree (${length} peer${length === 1 ? '' : 's'})`)
}

async function fix(options: VerifyOptions): Promise<void> {
  const { fixed, left, keptCopy } = await repairRegistry(iapeerRoot(), new Date())
  for (const one of fixed) report(one, 'fixed', options)
  for (const one of left) report(one, 'left', options)
  if (!options.json && keptCopy !== undefined) print(`  the corrupt file is kept as ${keptCopy}`)
  if (left.length === 0) await agree(options)
  else process.exitCode = EXIT.failed
}

/** A rename that was cut off is a finding of its own. */
function cutOffRename(): Divergence[] {
  const rename = unfinishedRename(iapeerRoot())
  if (rename === undefined) return []
  const { from, to, home } = rename
  const detail = `its rename from ${from} to ${to} was cut off`
  return [{ kind: 'rename-unfinished', personality: from, home, detail, fixable: true }]
}

/** Exit code 1 while something differs. */
export default defineCommand({
  name: 'verify',
  summary: 'whether registry and profiles agree',
  options: OPTIONS,
  run: async ({ options }) => {
    const cutOff = cutOffRename()
    if (options.fix) {
      if (await finishRename(iapeerRoot())) for (const one of cutOff) report(one, 'fixed', options)
      return fix(options)
    }
    const found = [...cutOff, ...(await verifyRegistry(iapeerRoot()))]
    if (found.length === 0) return agree(options)
    process.exitCode = EXIT.failed
    for (const one of found) report(one, 'found', options)
    if (!options.json && found.some((one) => one.fixable)) print('  iapeer verify --fix mends what it can')
  },
})
