import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { readMcpUrl, removeMcpAddress, writeMcpAddress } from '../src/launch/index.ts'

const track = asyncCleanups()
const URL_OF_TEST = 'http://127.0.0.1:20001/mcp'

function newRoot(): string {
  const directory = privateDirectory()
  track(directory.remove)
  mkdirSync(join(directory.path, 'run'))
  return directory.path
}

it('a new session gets the address of the MCP server only while the process that serves it runs', async () => {
  const root = newRoot()
  expect(await readMcpUrl(root)).toBe(undefined)
  await writeMcpAddress(root, URL_OF_TEST)
  expect(await readMcpUrl(root)).toBe(URL_OF_TEST)
  await removeMcpAddress(root)
  await removeMcpAddress(root)
  expect(await readMcpUrl(root)).toBe(undefined)
  const ofOther = (process: string) =>
    writeFileSync(join(root, 'run', 'mcp.json'), JSON.stringify({ url: URL_OF_TEST, process }))
  // The pid of this process with the start time of another: a reused pid.
  for (const process of ['4194303:1', `${globalThis.process.pid}:1`, '', 'x']) {
    ofOther(process)
    expect(await readMcpUrl(root)).toBe(undefined)
  }
  for (const text of ['', '{', '[]', '7', '{"url":7}']) {
    writeFileSync(join(root, 'run', 'mcp.json'), text)
    expect(await readMcpUrl(root)).toBe(undefined)
  }
})
