import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer } from '@iapeer/core/registry'
import { asyncCleanups, privateDirectory, serverAt, until } from '@iapeer/dev/testing'
import { type Launched, launchPeer } from '@iapeer/lifecycle/launch'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { CHECKS } from '../src/doctor/checks.ts'
import { type DoctorContext, type Finding, runDoctor } from '../src/index.ts'

export interface TestHost {
  readonly at: (...parts: string[]) => string
  readonly root: string
  readonly context: DoctorContext
  readonly write: (path: string, text: string, mode?: number) => string
  /** Writes a shell script to a directory that is first in PATH. */
  readonly program: (name: string, script: string) => string
  readonly peer: (name: string) => Promise<Launched['session']>
  /** Runs one check and returns its findings. */
  readonly runCheck: (check: string, more?: Partial<DoctorContext>) => Promise<readonly Finding[]>
}

/** Returns a function that creates a root and the system directories that doctor reads. Call it once per test file. */
export function testHosts(): () => TestHost {
  const track = asyncCleanups()
  return () => {
    const directory = privateDirectory()
    const at = (...parts: string[]): string => join(directory.path, ...parts)
    const root = at('root')
    track(directory.remove)
    track(() =>
      until('the guards to finish', () => {
        const states = join(root, 'state', 'canary')
        return !existsSync(states) || readdirSync(states).length === 0
      }),
    )
    track(async () => {
      for (const { socketPath, server } of await listSessions(root))
        await serverAt(socketPath, server.pid).end()
    })
    const write = (path: string, text: string, mode = 0o600): string => {
      const full = at(path)
      mkdirSync(dirname(full), { recursive: true, mode: 0o700 })
      writeFileSync(full, text)
      chmodSync(full, mode)
      return full
    }
    const paths = {
      proc: at('proc'),
      etc: at('etc'),
      run: at('run'),
      usrLib: at('usr-lib'),
      usrLocalLib: at('usr-local-lib'),
    }
    const context: DoctorContext = {
      root,
      paths,
      system: {
        platform: 'linux',
        env: { PATH: `${at('bin')}:${process.env['PATH'] ?? ''}` },
        home: at('home'),
        uid: process.getuid?.() ?? 0,
        user: 'me',
        temporaryDirectories: ['/nowhere'],
        lingerDir: at('var-lib', 'systemd', 'linger'),
      },
      now: new Date(),
      nodeVersion: '20.19.0',
      fix: false,
    }
    const runCheck = async (check: string, more: Partial<DoctorContext> = {}) => {
      const checks = CHECKS.filter(({ id }) => id === check)
      const [found] = await runDoctor({ ...context, ...more }, checks)
      if (found === undefined) throw new Error(`no check has the id ${check}`)
      return found.findings
    }
    const peer = async (name: string) => {
      const command = ['sleep', '1000']
      const profile = { personality: toPersonality(name), defaultRuntime: toRuntime('command'), command }
      return (await launchPeer(root, await createPeer(root, profile))).session
    }
    const program = (name: string, script: string) => write(`bin/${name}`, `#!/bin/sh\n${script}\n`, 0o755)
    return { at, root, context, write, program, peer, runCheck }
  }
}
