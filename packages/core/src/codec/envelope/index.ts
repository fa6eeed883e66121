export {
  ENVELOPE_LIMITS,
  type Envelope,
  type FromProof,
  LONGEST_ENVELOPE,
  localIsoTime,
} from './envelope.ts'
export { EnvelopeExtractor, type Extracted, extractEnvelopes } from './extract-envelopes.ts'
export { formatCompactEnvelope, formatEnvelope } from './format-envelope.ts'
export { type ParsedEnvelope, parseEnvelope } from './parse-envelope.ts'
