// Lets random things happen to two peers that run Claude Code and one that runs Codex, all in one directory: kills of the program and of
// the tmux server, suspends, stops, restarts, other conversations that a person begins, and reboots of the host (simulated). After each,
// the log of the model must show that every peer is in its own conversation.
//   node bench/resume-campaign.mjs [ROUNDS] [SEED]
// Exit code 1 if a peer was in another conversation, or got its first prompt twice.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const [rounds = '100', seed = '4711'] = process.argv.slice(2)
const child = spawn('npx', ['vitest', 'run', 'test/resume.test.ts'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { IAPEER_TEST_AGENTS: 'pinned', ...process.env, IAPEER_TEST_RESUMES: `${rounds} ${seed}` },
  stdio: 'inherit',
})
child.once('exit', (code) => {
  process.exitCode = code ?? 1
})
