export type { HookEvent } from './hook-events.ts'
export type { InputRecord, TranscriptRecord } from './records.ts'
export {
  conversationOf,
  currentTranscript,
  eventsOf,
  fileState,
  lastRecords,
  readFacts,
  readTranscript,
  type SessionFacts,
} from './session-facts.ts'
export type { PlacedRecord, TranscriptStart } from './transcript.ts'
