/**
 * A bounded map in two generations. When the younger generation is full, the older is dropped as a whole and the
 * younger takes its place. A hit in the younger costs one look-up and no bookkeeping.
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
 * A cache of results about tokens, or about headers that hold a token. An entry is found by a mark of the text's end,
 * where the signature is, and used only if the whole text is equal: a comparison costs less than a hash of the text.
 * If storing an entry costs more than the result, ask `wants` first, which refuses texts that are used only once.
 */
export class TokenCache<V> {
  private readonly kept: Generations<{ token: string; value: V }, number>;
  /** The marks of tokens that were seen. Two tokens with the same mark only cause one more entry. */
  private readonly seen = new Int32Array(1 << 15);

  constructor(capacity: number) {
    this.kept = new Generations(capacity);
  }

  get(token: string, mark: number): V | undefined {
    const found = this.kept.get(mark);
    return found !== undefined && found.token === token ? found.value : undefined;
  }

  /** Returns whether a token that was not found should be stored, which is so when it is seen again. */
  wants(mark: number): boolean {
    const slot = (mark ^ (mark >>> 15)) & 0x7fff;
    if (this.seen[slot] === mark) return true;
    this.seen[slot] = mark;
    return false;
  }

  set(token: string, mark: number, value: V): void {
    this.kept.set(mark, { token, value });
  }

  /** Removes the entry with this mark. */
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
