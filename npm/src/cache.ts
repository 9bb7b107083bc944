/**
 * A bounded map in two generations: when the younger is full the older is dropped whole. A hit costs one look-up and
 * no bookkeeping.
 */
export class Generations<V, K = string> {
  private young = new Map<K, V>();
  private old = new Map<K, V>();

  constructor(private readonly capacity: number) {}

  get(key: K): V | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    if (this.young.size >= this.capacity) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }

  delete(key: K): void {
    this.young.delete(key);
    this.old.delete(key);
  }
}

/**
 * Results about tokens, or about headers with one. Found by the end of the text, where the signature is, and believed
 * of the very same text alone; hashing all of it costs more than a comparison. Where keeping costs more than finding
 * out, `wants` says when to: what is used once is not worth it.
 */
export class TokenCache<V> {
  private readonly kept: Generations<{ token: string; value: V }, number>;
  /** The marks of tokens that came by. A chance agreement only keeps one more. */
  private readonly seen = new Int32Array(1 << 15);

  constructor(capacity: number) {
    this.kept = new Generations(capacity);
  }

  get(token: string, mark: number): V | undefined {
    const found = this.kept.get(mark);
    return found !== undefined && found.token === token ? found.value : undefined;
  }

  /** Whether a token that was not found should be put in: when it is seen again. */
  wants(mark: number): boolean {
    const slot = (mark ^ (mark >>> 15)) & 0x7fff;
    if (this.seen[slot] === mark) return true;
    this.seen[slot] = mark;
    return false;
  }

  set(token: string, mark: number, value: V): void {
    this.kept.set(mark, { token, value });
  }

  /** Forgets what has this mark. */
  delete(mark: number): void {
    this.kept.delete(mark);
  }
}

/** The mark of a token: its last characters as a number. */
export function markOf(token: string): number {
  let mark = 17;
  for (let at = Math.max(0, token.length - 10); at < token.length; at++)
    mark = (Math.imul(mark, 31) + token.charCodeAt(at)) | 0;
  return mark;
}
