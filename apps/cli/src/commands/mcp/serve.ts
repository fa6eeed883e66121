import { LineSplitter } from '@iapeer/core/async'
import { iapeerRoot } from '@iapeer/core/paths'
import { callSendTool } from '@iapeer/protocol/mcp'
import { prepareProcess } from '../../command-process.ts'
import { applyConfigFile } from '../../config-file.ts'
import { deliver } from './deliver.ts'
import { answerLine } from './json-rpc.ts'

/** Longer than the largest valid message. */
const LONGEST_LINE = 1024 * 1024

/** Serves MCP over standard input and output until the input ends. */
export async function serveMcp(): Promise<void> {
  prepareProcess()
  const root = iapeerRoot()
  await applyConfigFile(false)
  const call = (params: unknown) => callSendTool(params, (message) => deliver(root, message, process.env))
  const answer = async (line: string): Promise<void> => {
    const found = await answerLine(line, call)
    if (found !== undefined) process.stdout.write(`${JSON.stringify(found)}\n`)
  }
  const lines = new LineSplitter(LONGEST_LINE)
  const running = new Set<Promise<void>>()
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin)
    for (const line of lines.push(String(chunk)).filter((one) => one.trim() !== '')) {
      const work = answer(line).finally(() => running.delete(work))
      running.add(work)
    }
  await Promise.all(running)
}
