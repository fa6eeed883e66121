export { LineSplitter } from './line-splitter.ts'
export { mapLimit } from './map-limit.ts'
export { Sparing } from './sparing.ts'
export { type WaitOptions, waitUntil } from './wait-until.ts'
