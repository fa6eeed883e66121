import { MIN_MEMORY, parseSize } from './size.ts'

/** The names of the limits, in a profile and (after `limits.`) in config.toml. */
export const LIMIT_NAMES = ['memory', 'memory_high', 'tasks', 'cpu_weight'] as const
export type LimitName = (typeof LIMIT_NAMES)[number]

/** The value of a limit that is not set, whatever the settings state. */
export const NO_LIMIT = 'none'

/** Limits as a profile or the settings state them. */
export type StatedLimits = Readonly<Partial<Record<LimitName, string | number | undefined>>>

/** A Node.js program alone has eleven threads; each counts. */
export const MIN_TASKS = 16
export const MAX_TASKS = 4_194_304
export const MAX_CPU_WEIGHT = 10_000

const isMemory = (value: string | number): boolean => (parseSize(String(value)) ?? 0) >= MIN_MEMORY
const isWhole = (value: string | number, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max

const VALUES = {
  memory: { test: isMemory, expected: 'a size of at least 16M, for example 4G or 512M' },
  memory_high: { test: isMemory, expected: 'a size of at least 16M, for example 4G or 512M' },
  tasks: {
    test: (value) => isWhole(value, MIN_TASKS, MAX_TASKS),
    expected: `a whole number from ${MIN_TASKS} to ${MAX_TASKS}`,
  },
  cpu_weight: {
    test: (value) => isWhole(value, 1, MAX_CPU_WEIGHT),
    expected: `a whole number from 1 to ${MAX_CPU_WEIGHT}`,
  },
} as const satisfies Record<
  LimitName,
  { readonly test: (value: string | number) => boolean; readonly expected: string }
>

/** Tests whether a value can be stated for a limit; `none` can be for each. */
export const isLimitValue = (name: LimitName, value: string | number): boolean =>
  value === NO_LIMIT || VALUES[name].test(value)

/** Describes the values of a limit: `a size of at least 16M, for example 4G or 512M, or none`. */
export const describeLimit = (name: LimitName): string => `${VALUES[name].expected}, or ${NO_LIMIT}`

export const isLimitName = (text: string): text is LimitName => LIMIT_NAMES.some((name) => name === text)

/** Tests whether a limit of memory is stated as a person may: also `none`. */
export const isMemoryLimit = (text: string): boolean => text === NO_LIMIT || isMemory(text)
