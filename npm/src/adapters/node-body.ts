import type { Readable } from "node:stream";
import { MAX_BODY } from "../generated/constants.js";
import { CutOff } from "./cut-off.js";

/** The time within which a body must arrive, in milliseconds. */
const BODY_TIMEOUT = 30_000;

/**
 * Reads a body. Resolves to `tooLarge` if it is longer than `MAX_BODY` or late. Rejects with `CutOff` if it breaks off.
 */
export function readBody(stream: Readable): Promise<{ raw?: Buffer; tooLarge?: true }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (body: { raw?: Buffer; tooLarge?: true }) => {
      settle();
      resolve(body);
    };
    const settle = () => {
      clearTimeout(timer);
      stream.off("data", onData).off("end", onEnd).off("close", onCutOff);
    };
    const giveUp = () => {
      done({ tooLarge: true });
      // Discards the rest of the body, so that the answer can be sent.
      stream.resume();
    };
    const timer = setTimeout(giveUp, BODY_TIMEOUT);
    timer.unref();
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) giveUp();
      else chunks.push(chunk);
    };
    const onEnd = () => done(size > 0 ? { raw: Buffer.concat(chunks, size) } : {});
    const onCutOff = () => {
      settle();
      reject(new CutOff());
    };
    // The listener for errors stays, because a later error without a listener would end the process.
    stream.on("data", onData).on("end", onEnd).on("error", onCutOff).on("close", onCutOff);
  });
}
