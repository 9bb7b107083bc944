/**
 * A bounded map in two generations: when the younger is full the older is dropped whole. A hit costs one look-up and
 * no bookkeeping.
 */
export class Generations<V> {
  private young = new Map<string, V>();
  private old = new Map<string, V>();

  constructor(private readonly capacity: number) {}

  get(key: string): V | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: V): void {
    if (this.young.size >= this.capacity) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }

  delete(key: string): void {
    this.young.delete(key);
    this.old.delete(key);
  }
}

/**
 * Tells whether a token was seen of late, from the end of its signature alone: what is used once is not worth keeping,
 * and keeping it costs more than verifying a third of it. A false yes only keeps one more.
 */
export class Sightings {
  private readonly marks = new Int32Array(1 << 15);

  /** Whether the token was seen before, and notes that it was. */
  again(token: string): boolean {
    let mark = 17;
    for (let at = Math.max(0, token.length - 10); at < token.length; at++) mark = (Math.imul(mark, 31) + token.charCodeAt(at)) | 0;
    const slot = (mark ^ (mark >>> 15)) & 0x7fff;
    const known = this.marks[slot] === mark;
    this.marks[slot] = mark;
    return known;
  }
}
