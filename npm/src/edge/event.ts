import type { LoggedEvent } from "../dispatch.js";
import { SENTRI_EVENTS, type SentriEvent } from "../generated/events.js";

/** The log entry of an event: `service`, `event`, its fields, and `requestId` if present. */
export function logEntry(
  service: string,
  event: SentriEvent,
  fields: Record<string, unknown>,
  requestId: string | undefined,
): LoggedEvent {
  const entry = { service, event, ...fields, ...(requestId === undefined ? {} : { requestId }) };
  return { level: SENTRI_EVENTS[event].level, entry };
}
