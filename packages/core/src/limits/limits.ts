import { readNumber, readText } from '../settings/read.ts'
import { SETTINGS } from '../settings/table.ts'
import { formatSize, parseSize } from './size.ts'
import { isLimitValue, LIMIT_NAMES, type LimitName, NO_LIMIT, type StatedLimits } from './stated.ts'

/** The limits of the program of a peer and of all that it starts. A limit that is left out is not set. */
export interface Limits {
  /** The memory at which the kernel kills the largest of them, in bytes. */
  readonly memory?: number
  /** The memory above which the kernel slows them down and takes memory back, in bytes. */
  readonly memory_high?: number
  /** How many processes and threads they can have. */
  readonly tasks?: number
  /** Their share of a busy processor; that of other programs is 100. */
  readonly cpu_weight?: number
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * Returns the limits that the settings state for every peer: IAPEER_LIMIT_MEMORY, IAPEER_LIMIT_MEMORY_HIGH, IAPEER_LIMIT_TASKS,
 * IAPEER_LIMIT_CPU_WEIGHT, or `[limits]` of the configuration file.
 * @throws IapeerError `bad-setting`
 */
export function configuredLimits(env: Env): StatedLimits {
  const { limitMemory, limitMemoryHigh, limitTasks, limitCpuWeight } = SETTINGS
  const stated = {
    memory: readText(env, limitMemory),
    memory_high: readText(env, limitMemoryHigh),
    tasks: readNumber(env, limitTasks),
    cpu_weight: readNumber(env, limitCpuWeight),
  }
  return Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== undefined))
}

function numberOf(name: LimitName, value: string | number | undefined): number | undefined {
  if (value === undefined || value === NO_LIMIT || !isLimitValue(name, value)) return undefined
  return typeof value === 'number' ? value : parseSize(value)
}

/** Returns the limits of a peer: those of its profile, else those of the settings. Pure. */
export function resolveLimits(configured: StatedLimits, own: StatedLimits = {}): Limits {
  const values = LIMIT_NAMES.map((name) => [name, numberOf(name, own[name] ?? configured[name])] as const)
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

/** Formats a limit as a person writes it: `4G`, `512`, `none`. */
export function limitText(name: LimitName, value: string | number | undefined): string {
  if (value === undefined) return NO_LIMIT
  const isMemory = name === 'memory' || name === 'memory_high'
  return isMemory && typeof value === 'number' ? formatSize(value) : String(value)
}
