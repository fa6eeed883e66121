import fc from 'fast-check'

/** A property that holds for this long counts as held: it runs once for every mutant. */
const TIME_LIMIT_MS = 300

// One seed, so that two runs of mutation tests have the same score.
fc.configureGlobal({ interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false, seed: 1 })
