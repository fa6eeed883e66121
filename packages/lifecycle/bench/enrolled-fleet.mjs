// Enrols many peers cheaply: each agent is a process of its own, and all share one real tmux server. A real peer has three processes
// (server, recorder, agent), so `processes` fills the table of processes, which a sweep reads in parts.
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { identifyProcess } from '@iapeer/core/process'
import { createPeer } from '@iapeer/core/registry'

const run = promisify(execFile)
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Starts the processes, and kills them when the standard input of the shell is closed. */
const LEADERS =
  'pids=; for n in $(seq "$0"); do sleep 100000 & pids="$pids $!"; echo $!; done; read -r _; kill $pids'

async function startProcesses(count) {
  const shell = spawn('sh', ['-c', LEADERS, String(count)], { stdio: ['pipe', 'pipe', 'ignore'] })
  const exited = new Promise((resolve) => shell.once('exit', resolve))
  let text = ''
  shell.stdout.on('data', (chunk) => {
    text += chunk
  })
  while (text.trimEnd().split('\n').length < count) await sleep(20)
  const end = () => {
    shell.stdin.end()
    return exited
  }
  return { pids: text.trimEnd().split('\n').map(Number), end }
}

async function startServer(socketPath) {
  const server = spawn('tmux', ['-S', socketPath, '-f', '/dev/null', '-D'], { stdio: 'ignore' })
  const exited = new Promise((resolve) => server.once('exit', resolve))
  const end = () => {
    server.kill('SIGKILL')
    return exited
  }
  const args = ['-N', '-S', socketPath, 'new-session', '-d', 'exec sleep 100000']
  for (let tries = 100; tries > 0; tries--) {
    const isRunning = await run('tmux', args).then(
      () => true,
      () => false,
    )
    if (isRunning) return { pid: server.pid, end }
    await sleep(20)
  }
  await end()
  throw new Error('the tmux server does not answer')
}

/**
 * Enrols peers in a new root.
 * @param processes how many processes each peer has
 * @returns `root`, `socketPath`, the server's pid, and `remove`, which ends the processes and removes the files
 */
export async function enrolFleet(peers, processes = 3) {
  const directory = mkdtempSync(join(tmpdir(), 'iaps-'))
  const root = join(directory, 'r')
  const socketPath = join(directory, 's')
  const server = await startServer(socketPath)
  const agents = await startProcesses(peers * processes)
  const serverId = await identifyProcess(server.pid)
  const state = join(root, 'state', 'lifecycle')
  mkdirSync(state, { recursive: true, mode: 0o700 })
  for (let at = 0; at < peers; at++) {
    const personality = `p${at}`
    await createPeer(root, { personality, defaultRuntime: 'command', command: ['sleep', '100000'] })
    const leader = await identifyProcess(agents.pids[at])
    const startedAt = new Date().toISOString()
    const session = {
      schemaVersion: 1,
      identity: `command-${personality}`,
      socketPath,
      server: `${serverId.pid}:${serverId.token}`,
      leader: `${leader.pid}:${leader.token}`,
      sessionId: '$0',
      paneId: '%0',
      startedAt,
      readyAt: startedAt,
    }
    writeFileSync(join(state, `command-${personality}.session`), JSON.stringify(session), { mode: 0o600 })
  }
  const remove = async () => {
    await Promise.all([server.end(), agents.end()])
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  return { root, socketPath, serverPid: server.pid, remove }
}
