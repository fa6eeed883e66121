// Runs a command of Node.js and takes the time.
import { spawn } from 'node:child_process'

/** Returns how long a program takes until it exits, in ms, and how many lines it prints. */
export function timeOf(args, env) {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let lines = 0
    child.stdout.on('data', (chunk) => {
      lines += chunk.toString().split('\n').length - 1
    })
    child.once('close', (code) =>
      code === 0
        ? resolve({ ms: performance.now() - begun, lines })
        : reject(new Error(`exit code ${code}: ${args.join(' ')}`)),
    )
  })
}
