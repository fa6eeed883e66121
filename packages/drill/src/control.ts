import { dismissCanary } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import type { Expected, ProblemKind } from './expected.ts'
import type { Kind } from './kinds/index.ts'
import type { RecordLimits } from './observe.ts'
import { type DrillPeer, foreignTmux } from './peer.ts'
import { isGoneWithin } from './processes.ts'
import type { Site } from './site.ts'
import { runStep, type StepResult } from './step.ts'

const GONE_MS = 20_000
/** A record that comes takes milliseconds; on a host with a high load, seconds. */
const LIMITS: RecordLimits = { recordMs: 3_000, silenceMs: 20_000 }

/** Kills the server of a peer whose recorder was told to record nothing. */
const DISABLED: Kind = {
  name: 'control-disabled-recorder',
  title: 'kill -9 of a server whose recorder is disabled',
  act: async ({ site, identity, generation }: DrillPeer) => {
    await dismissCanary({ identity, ...rootRecordLocation(site.root) })
    const atMs = Date.now()
    await site.processes.signal(generation.server, 'SIGKILL')
    const expected: Expected = { records: [1], event: 'server-exit', runs: 'policy' }
    return { expected, atMs, isConfirmed: await isGoneWithin(generation.server, GONE_MS) }
  },
}

/** Ends a server without an intent, and takes it for a deliberate stop. */
const UNDECLARED: Kind = {
  name: 'control-undeclared-stop',
  title: 'tmux kill-server that is taken for a deliberate stop',
  act: async (peer: DrillPeer) => {
    const atMs = Date.now()
    await foreignTmux(peer, ['kill-server'])
    const isConfirmed = await isGoneWithin(peer.generation.server, GONE_MS)
    return { expected: { records: [0], runs: 'no' }, atMs, isConfirmed }
  },
}

const WANTED = new Map<Kind, ProblemKind>([
  [DISABLED, 'missed'],
  [UNDECLARED, 'false-record'],
])

/** What the control found. */
export interface Control {
  /** By act. */
  readonly found: ReadonlyMap<string, readonly ProblemKind[]>
  /** Whether it found what it must find. */
  readonly isRed: boolean
  /** The runs of its peers. */
  readonly generations: readonly string[]
  /** The acts that could not be judged. */
  readonly failed: readonly StepResult[]
}

/** Runs what the drill must find to be wrong. */
export async function runControl(site: Site): Promise<Control> {
  // Numbers that no act of the drill has.
  const steps = [...WANTED.keys()].map((kind, at) => ({
    ...{ number: 1_000_001 + at, kind, isRestarted: false, delayMs: 0, seed: 1 },
  }))
  const place = { site: { ...site, hasMail: false }, spares: undefined }
  const results = await Promise.all(steps.map((step) => runStep(place, step, LIMITS)))
  const found = results.map(({ step, problems }) => ({
    kind: step.kind,
    problems: problems.map(({ kind }) => kind),
  }))
  return {
    found: new Map(found.map(({ kind, problems }) => [kind.name, problems])),
    isRed: found.every(({ kind, problems }) => {
      const wanted = WANTED.get(kind)
      return wanted !== undefined && problems.includes(wanted)
    }),
    generations: results.flatMap(({ allowed }) => [...allowed.keys()]),
    failed: results.filter(({ problems }) => problems.some(({ kind }) => kind === 'failed')),
  }
}
