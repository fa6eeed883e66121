import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { LOG_KEEP } from './rotate-log.ts'

/** Opens a file to read it. @returns its descriptor; undefined if it is absent. @throws the Node.js system error */
export function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Reads the whole text of a log, the oldest rotated file first. The files are opened from the newest to the oldest, so a
 * rotation in between can make a file appear twice, which is detected, but never hide one.
 */
export function readLog(path: string, keep = LOG_KEEP): string {
  const files: number[] = []
  try {
    for (const name of [path, ...Array.from({ length: keep }, (_none, at) => `${path}.${at + 1}`)]) {
      const file = openIfThere(name)
      if (file !== undefined) files.push(file)
    }
    const texts = new Map<string, string>()
    for (const file of files) {
      const { dev, ino } = fstatSync(file)
      const id = `${dev}:${ino}`
      if (!texts.has(id)) texts.set(id, readFileSync(file, 'utf8'))
    }
    const oldestFirst = [...texts.values()].reverse()
    return oldestFirst.map((text) => (text === '' || text.endsWith('\n') ? text : `${text}\n`)).join('')
  } finally {
    for (const file of files) closeSync(file)
  }
}
