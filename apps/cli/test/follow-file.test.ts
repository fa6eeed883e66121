import { appendFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { daemonPaths } from '@iapeer/core/paths'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { homes } from './support.ts'

const newHome = homes()

function homeWithLog(text: string) {
  const home = newHome()
  const { log } = daemonPaths(home.root)
  mkdirSync(dirname(log), { recursive: true })
  writeFileSync(log, text)
  return { ...home, log }
}

it('a file that is rotated while it is followed is printed to its end, and the next one from its beginning', async () => {
  const { start, log } = homeWithLog('one\n')
  const following = start('daemon', 'logs', '-f', '--json')
  await until('the first line', () => following.text() === 'one\n')
  // All of it between two looks; the next file is longer than what was read of the first.
  appendFileSync(log, 'two\n')
  renameSync(log, `${log}.1`)
  const next = Array.from({ length: 100 }, (_none, at) => `next ${at}\n`).join('')
  writeFileSync(log, next)
  await until('the next file', () => following.text().endsWith('next 99\n'))
  expect(following.text()).toBe(`one\ntwo\n${next}`)
  truncateSync(log)
  appendFileSync(log, 'emptied\n')
  await until('what came after', () => following.text().endsWith('emptied\n'))
  expect(following.text()).toBe(`one\ntwo\n${next}emptied\n`)
  expect(await following.end('SIGINT')).toBe(130)
})

it('daemon logs prints a last line that has no newline, and puts no two lines together', async () => {
  const line = JSON.stringify({ level: 30, time: '2026-06-10T15:42:07.113Z', pid: 3, msg: 'whole' })
  const { iapeer, start, log } = homeWithLog(`${line}\n{"level":30,"msg":"to`)
  const { stdout } = await iapeer('daemon', 'logs')
  expect(stdout).toMatch(/^\[.*\] INFO: whole\n\{"level":30,"msg":"to\n$/)
  const following = start('daemon', 'logs', '-f')
  await until('the first line', () => following.text().includes('whole'))
  expect(following.text()).not.toContain('"to')
  renameSync(log, `${log}.1`)
  writeFileSync(log, `${line.replace('whole', 'next')}\n`)
  await until('the next file', () => following.text().includes('next'))
  expect(following.text()).toMatch(/INFO: whole\n\{"level":30,"msg":"to\n\[.*\] INFO: next\n$/)
  expect(await following.end('SIGINT')).toBe(130)
})
