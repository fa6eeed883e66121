export { LineSplitter } from './line-splitter.ts'
export { mapLimit } from './map-limit.ts'
export { type WaitOptions, waitUntil } from './wait-until.ts'
