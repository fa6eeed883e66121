export { ENVELOPE_LIMITS, type Envelope, localIsoTime } from './envelope.ts'
export { EnvelopeExtractor, type Extracted, extractEnvelopes, LONGEST_ENVELOPE } from './extract-envelopes.ts'
export { formatCompactEnvelope, formatEnvelope } from './format-envelope.ts'
export { type ParsedEnvelope, parseEnvelope } from './parse-envelope.ts'
