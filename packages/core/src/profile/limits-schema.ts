import * as z from 'zod/mini'
import { describeLimit, isLimitValue, type LimitName } from '../limits/stated.ts'

const isTextOrNumber = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number'

const limit = (name: LimitName) =>
  z.optional(
    z.custom<string | number>(
      (value) => isTextOrNumber(value) && isLimitValue(name, value),
      describeLimit(name),
    ),
  )

/** The section `limits` of a profile. A name that this version does not know is ignored. */
export const limitsSchema = z.optional(
  z.object(
    {
      memory: limit('memory'),
      memory_high: limit('memory_high'),
      tasks: limit('tasks'),
      cpu_weight: limit('cpu_weight'),
    },
    'an object with memory, memory_high, tasks, cpu_weight',
  ),
)
