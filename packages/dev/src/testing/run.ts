import { execFile } from 'node:child_process'

/** The result of a command. */
export interface Finished {
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command until it exits, at most `limitMs` (20,000 by default). A failure of the command is returned, not thrown. */
export function run(
  file: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly limitMs?: number } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const { limitMs: timeout = 20_000, ...rest } = options
    execFile(
      file,
      args,
      { ...rest, timeout, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code === 'string') return reject(error)
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined
        return resolve({ exitCode, signal: error?.signal ?? undefined, stdout, stderr })
      },
    )
  })
}
