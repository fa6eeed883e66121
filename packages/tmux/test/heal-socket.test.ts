import { readFileSync, rmSync } from 'node:fs'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { healLostChild } from '../src/index.ts'
import { launches } from './support.ts'

const { launch } = launches()

it('an exit is recorded with its last screen, and the server exits, although its socket was removed', async () => {
  const peer = await launch(['sh', '-c', 'echo last words; exec sleep 1000'])
  await until('the output', async () => (await peer.handle.capturePane('%0')).includes('last words'))
  rmSync(peer.handle.socketPath)
  process.kill(peer.leader.pid, 'SIGTERM')
  await until('the server to exit', async () => {
    await healLostChild(peer.handle.process, peer.leader.pid)
    return !peer.server.alive()
  })
  const [death] = await peer.settled()
  expect(death).toMatchObject({ ev: 'session-exit', recorder: 'hook' })
  expect(readFileSync(death?.['forensics'] ?? '', 'utf8')).toContain('\n--- pane-tail\nlast words\n')
})
