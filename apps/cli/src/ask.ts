import { createInterface } from 'node:readline'
import { inLocale } from './output.ts'

/** Whether a person can be asked: standard input and output are a terminal. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true

/** Prints a question and returns the answer; an empty text at the end of the input. The terminal handles editing and Ctrl-C. */
export function ask(question: string): Promise<string> {
  process.stdout.write(inLocale(`${question} `))
  const lines = createInterface({ input: process.stdin, terminal: false })
  return new Promise((resolve) => {
    let answer: string | undefined
    lines.once('line', (line) => {
      answer = line.trim()
      lines.close()
    })
    lines.once('close', () => {
      if (answer === undefined) process.stdout.write('\n')
      resolve(answer ?? '')
    })
  })
}

/** Asks a question whose default answer is no. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N]`))
}
