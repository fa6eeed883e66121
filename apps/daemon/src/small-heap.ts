import { setFlagsFromString } from 'node:v8'
import { SMALL_HEAP_FLAGS } from '@iapeer/core/process'

// With 300 peers, the space for new objects took 19 MB, of which 12 MB were in use. docs/benchmarks.md has the memory of the daemon.
for (const flag of SMALL_HEAP_FLAGS) setFlagsFromString(flag)
