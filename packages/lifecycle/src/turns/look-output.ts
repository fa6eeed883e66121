import { stat } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { isoTime, type TurnLook } from './turn-look.ts'

/** A program that has printed within this time works. In milliseconds. */
const OUTPUT_MS = 10_000

/** Judges what a program does by the time of its last output. Pure. */
export function judgeOutput(outputMs: number | undefined, nowMs: number): TurnLook {
  if (outputMs === undefined)
    return {
      turn: { state: 'unknown', source: 'output', detail: 'it has printed nothing yet' },
      statements: [{ source: 'output', says: 'none yet' }],
    }
  const since = isoTime(outputMs)
  // A clock that was set back can leave a time in the future.
  const isWorking = Math.abs(nowMs - outputMs) < OUTPUT_MS
  return {
    turn: isWorking ? { state: 'working', source: 'output' } : { state: 'idle', source: 'output', since },
    statements: [{ source: 'output', says: 'last output', at: since }],
  }
}

/** Reads what a program does of which only the output is known. @param paneLog the path of the log of its pane */
export async function lookAtOutput(paneLog: string): Promise<TurnLook> {
  try {
    return { ...judgeOutput((await stat(paneLog)).mtimeMs, Date.now()), paths: [paneLog] }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return { ...judgeOutput(undefined, Date.now()), paths: [paneLog] }
  }
}
