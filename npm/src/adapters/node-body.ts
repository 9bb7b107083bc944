import type { Readable } from "node:stream";
import { MAX_BODY } from "../generated/constants.js";
import { CutOff } from "./cut-off.js";

/** The time that a body has to arrive. */
const BODY_TIMEOUT = 30_000;

/** Reads a body up to the limit. Rejects with `CutOff` where it breaks off. */
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
      // The rest of it flows by unread, so that the answer can be sent.
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
    // It stays for errors that come later: without a listener they would end the process.
    stream.on("data", onData).on("end", onEnd).on("error", onCutOff).on("close", onCutOff);
  });
}
