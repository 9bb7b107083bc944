import { SentriError } from "../errors.js";

/** The exit codes, the same in both command lines. docs/reference/cli.md explains them. */
export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3, exists: 4, unavailable: 5, interrupted: 130 } as const;

/** A mistake in the command line. Its message is shown without a stack. */
export class UsageError extends Error {}

/** A failure with an exit code and a message for the person at the command line. */
export class CommandFailure extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly exitCode: number = EXIT.failed,
  ) {
    super(message);
  }
}

/** An error as the command line reports it. */
export interface Report {
  code: string;
  message: string;
  exitCode: number;
}

const EXIT_OF: Record<string, number> = {
  VALIDATION_ERROR: EXIT.usage,
  INVALID_ROLE: EXIT.usage,
  USER_NOT_FOUND: EXIT.notFound,
  SESSION_NOT_FOUND: EXIT.notFound,
  USER_ALREADY_EXISTS: EXIT.exists,
  SERVICE_UNAVAILABLE: EXIT.unavailable,
};

/** Reads a thrown value. An unexpected error is a defect, so it keeps its stack. */
export function report(error: unknown): Report {
  if (error instanceof UsageError) return { code: "USAGE", message: error.message, exitCode: EXIT.usage };
  if (error instanceof CommandFailure) return { code: error.code, message: error.message, exitCode: error.exitCode };
  if (error instanceof SentriError) {
    return { code: error.code, message: withCause(error), exitCode: EXIT_OF[error.code] ?? EXIT.failed };
  }
  const { syscall, message, stack } = (error ?? {}) as NodeJS.ErrnoException;
  const text = syscall === undefined ? (stack ?? String(error)) : String(message);
  return { code: "FAILED", message: text, exitCode: EXIT.failed };
}

/** The message with its cause, which responses to clients omit. */
export function withCause(error: unknown): string {
  if (!(error instanceof SentriError)) return error instanceof Error ? error.message : String(error);
  const { cause } = (error.details ?? {}) as { cause?: unknown };
  const known = typeof cause === "string" && !error.message.includes(cause) ? `: ${cause}` : "";
  return `${error.message}${known}`.replace("mode=rwc in the URL makes it", "`sentri migrate` makes it");
}

/** The error in one line, its code first. */
export function explain(error: unknown): string {
  return error instanceof SentriError ? `${error.code}: ${withCause(error)}` : withCause(error);
}
