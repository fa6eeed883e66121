// Measures atomic writes and locked updates, compared with a writeFile without fsync, lock or check.
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPeer, listPeers, updatePeer } from '../dist/registry.js'
import { acquireLock, appendLog, writeFileAtomic } from '../dist/storage.js'

const directory = mkdtempSync(join(tmpdir(), 'iapb-'))
const root = join(directory, 'root')

async function median(rounds, act) {
  const times = []
  for (let round = 0; round < rounds; round++) {
    const started = performance.now()
    await act(round)
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)[rounds >> 1]
}

try {
  for (let at = 0; at < 300; at++)
    await createPeer(root, { personality: `p${at}`, defaultRuntime: 'claude', description: 'x'.repeat(100) })
  const text = JSON.stringify(await listPeers(root))
  const plain = await median(200, () => writeFile(join(directory, 'plain'), text))
  const rows = {
    'writeFile (the alternative)': plain,
    'writeFileAtomic, the same text': await median(200, () =>
      writeFileAtomic(join(directory, 'atomic'), text),
    ),
    'lock and release': await median(200, async () => (await acquireLock(join(directory, 'l'))).release()),
    'append a line to a log': await median(200, () =>
      appendLog(join(directory, 'log'), `${'x'.repeat(200)}\n`),
    ),
    'list 300 peers': await median(200, () => listPeers(root)),
    'update one of 300 peers': await median(100, (round) =>
      updatePeer(root, 'p7', { description: `${round}` }),
    ),
  }
  console.log('\nmedian                             ms  ratio to writeFile')
  for (const [name, ms] of Object.entries(rows))
    console.log(name.padEnd(32), ms.toFixed(2).padStart(5), (ms / plain).toFixed(1).padStart(6))
} finally {
  rmSync(directory, { recursive: true })
}
