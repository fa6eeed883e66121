import { rm } from 'node:fs/promises'
import { IapeerError } from '@iapeer/core/errors'
import { parseFields, text } from '@iapeer/core/json'
import { daemonPaths } from '@iapeer/core/paths'
import { formatProcessId, identifyProcess, observeProcess, parseProcessId } from '@iapeer/core/process'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

/** Makes new sessions use the MCP server that this process serves. */
export async function writeMcpAddress(root: string, url: string): Promise<void> {
  const self = await identifyProcess(process.pid)
  if (self === undefined)
    throw new IapeerError('the start time of this process cannot be read', { code: 'internal' })
  await replaceFile(
    daemonPaths(root).mcpAddress,
    `${JSON.stringify({ url, process: formatProcessId(self) })}\n`,
  )
}

/** Makes new sessions use the MCP server over standard input and output. */
export async function removeMcpAddress(root: string): Promise<void> {
  await rm(daemonPaths(root).mcpAddress, { force: true })
}

/**
 * Returns the address of the MCP server for a new session. The process that wrote it has to be running: another program could listen
 * on the port of a daemon that was killed.
 */
export async function readMcpUrl(root: string): Promise<string | undefined> {
  const fields = parseFields((await readRegularFile(daemonPaths(root).mcpAddress))?.text ?? '') ?? {}
  const server = parseProcessId(text(fields['process']) ?? '')
  if (server === undefined || (await observeProcess(server)) !== 'alive') return undefined
  return text(fields['url'])
}
