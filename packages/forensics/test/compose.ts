import {
  type ExitRecord,
  judge,
  parseExitsLog,
  parseSnapshot,
  type Verdict,
  withAddendum,
} from '../src/index.ts'

/** The moment of each composed death, and 600 s of running before it, on both clocks. */
export const DEATH_MS = Date.parse('2027-01-15T09:30:00.000Z')
const ARMED_MS = DEATH_MS - 600_000
const ARMED_UPTIME = 5_000
export const END_UPTIME = ARMED_UPTIME + 600
export const UNIT = 'work.service'
export const HOME = `/user.slice/user-1001.slice/user@1001.service/app.slice/${UNIT}`
export const LEADER = 4711
export const SERVER = 4700

/** An orderly exit of the server, while systemd says that the host is up. */
export const SERVER_EXIT = {
  who: 'server',
  exit: 'wait_rc=0 cause=exited',
  sections: { systemd: ['host=running'] },
} as const
/** The manager of the host, and that of the user: the sources of their lines in a journal. */
export const HOST = 'systemd[1]'
export const MANAGER = 'systemd[900]'
/** The manager stops the unit of the server. */
export const STOPPING_OWN = `Stopping ${UNIT} - The agents...`

/** A death that is composed from its parts; what is left out is that of a quiet machine whose logs cannot be read. */
export interface Composed {
  /** The fields of the line in exits.log: of the agent by default. */
  readonly exit?: string
  readonly who?: 'agent' | 'server' | 'watched'
  readonly kernelLog?: readonly string[]
  /** Lines of the journal without time and host: `[seconds before the death, source, message]`. */
  readonly journal?: readonly (readonly [number, string, string])[]
  readonly screen?: readonly string[]
  readonly sections?: Readonly<Record<string, readonly string[]>>
  /** How much the counters rose: of the cgroup of the server, of its limit, of the machine. */
  readonly counted?: { readonly own?: number; readonly limit?: number; readonly machine?: number }
  /** The cgroup of the leader, if the recorder noted it. */
  readonly leaderCgroup?: string
  readonly armedMs?: number
  readonly platform?: string
  /** The snapshot lacks its last line. */
  readonly isCut?: boolean
}

const EXITS = {
  agent: (fields: string) =>
    `ev=session-exit identity=command-ada gen=00aa11bb22cc33dd ${fields} leader_pid=${LEADER}`,
  server: (fields: string) =>
    `ev=server-exit identity=command-ada gen=00aa11bb22cc33dd server_pid=${SERVER} server_start=1 ${fields} mode=guard`,
  watched: (fields: string) =>
    `ev=server-exit identity=command-ada gen=00aa11bb22cc33dd server_pid=${SERVER} server_start=1 ${fields} mode=watch`,
}

/** Exits of an agent. */
export const exitCode = (code: number): string => `dead_status=${code} dead_signal=`
export const bySignal = (name: string): string => `dead_status= dead_signal=${name}`

function recordOf({ who = 'agent', exit = bySignal('SIGKILL') }: Composed): ExitRecord {
  const line = `ts=${new Date(DEATH_MS).toISOString()} ${EXITS[who](exit)} recorder=hook forensics=/x.txt`
  const [record] = parseExitsLog(line).records
  if (record === undefined) throw new Error(`not a record: ${line}`)
  return record
}

const counters = (path: string, oom: number, kills: number): string[] => [
  `${path} memory.max: 104857600`,
  `${path} memory.events: low 0 high 0 max 0 oom ${oom} oom_kill ${kills} oom_group_kill 0`,
  `${path} memory.events.local: low 0 high 0 max 0 oom ${oom} oom_kill ${kills} oom_group_kill 0`,
]

function snapshotText(one: Composed): string {
  const { own = 0, limit = 0, machine = own } = one.counted ?? {}
  const paths = [HOME, ...(one.leaderCgroup === undefined ? [] : [one.leaderCgroup])]
  const counted = one.leaderCgroup ?? HOME
  const after = (path: string) => (path === counted ? counters(path, limit, own) : counters(path, 0, 0))
  const part = (name: string, lines: readonly string[]): string[] => [`--- ${name}`, ...lines]
  const lines = [
    `session-death identity=command-ada gen=00aa11bb22cc33dd platform=${one.platform ?? 'linux'} format=1`,
    ...(one.screen === undefined ? [] : part('pane-tail', one.screen)),
    ...part('cgroup', [...paths.flatMap(after), `uptime: ${END_UPTIME}.20 1.00`, `oom_kill ${machine}`]),
    ...(one.kernelLog === undefined
      ? ['--- kernel-log unavailable: the kernel log may not be read by this user']
      : part('kernel-log', one.kernelLog)),
    ...Object.entries(one.sections ?? {}).flatMap(([name, body]) => part(name, body)),
    ...part('baseline', [
      `ts_ms=${one.armedMs ?? ARMED_MS}`,
      'boot=aaaaaaaa-0000-0000-0000-000000000000/9',
      `cgroup_v2=${HOME}`,
      ...(one.leaderCgroup === undefined ? [] : [`leader_cgroup_v2=${one.leaderCgroup}`]),
      `uptime: ${ARMED_UPTIME}.00 1.00`,
      'oom_kill 0',
      ...paths.flatMap((path) => counters(path, 0, 0)),
    ]),
    ...(one.isCut === true ? [] : ['--- end']),
  ]
  return `${lines.join('\n')}\n`
}

function addendumText({ journal }: Composed): string {
  const line = ([ago, source, message]: readonly [number, string, string]) =>
    `${((DEATH_MS - ago * 1000) / 1000).toFixed(6)} host ${source}: ${message}`
  return `death-addendum format=1\n--- journal\n${(journal ?? []).map(line).join('\n')}\n--- end\n`
}

/** Judges a composed death. */
export function judged(one: Composed): Verdict {
  const addendum = one.journal === undefined ? undefined : parseSnapshot(addendumText(one))
  return judge(recordOf(one), { snapshot: withAddendum(parseSnapshot(snapshotText(one)), addendum) })
}

/** Returns the verdict and its confidence as `word/confidence`. */
export function wordOf(one: Composed): string {
  const { verdict, confidence } = judged(one)
  return `${verdict}/${confidence}`
}
