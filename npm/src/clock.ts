const CLOCK = Symbol.for("sentri.testClock");

/** A clock that stands still until it is moved. For tests; see `sentri/testing`. */
export interface TestClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Moves the clock to an instant. */
  set(now: number): void;
  /** Moves the clock forward, by milliseconds. */
  advance(ms: number): void;
  /** Calls a listener at every move. */
  onChange(listener: (now: number) => void): void;
}

/** Makes a clock standing at an instant. */
export function makeTestClock(start: number): TestClock {
  let current = start;
  const listeners: Array<(now: number) => void> = [];
  const set = (now: number) => {
    current = now;
    for (const listener of listeners) listener(now);
  };
  const clock = {
    now: () => current,
    set,
    advance: (ms: number) => set(current + ms),
    onChange: (listener: (now: number) => void) => void listeners.push(listener),
  };
  Object.defineProperty(clock, CLOCK, { value: true });
  return clock;
}

/** The clock in the options of a test, if it is a test clock. */
export function clockOf(value: unknown): TestClock | undefined {
  return typeof value === "object" && value !== null && CLOCK in value ? (value as unknown as TestClock) : undefined;
}
