// A request as it is written: what fetch would refuse to send, such as odd bytes in headers or a header twice.
import { request as send } from "node:http";

/** Sends `headers`, pairs of a name and a value or values; answers the status, the headers and the body, parsed if it is JSON. */
export function exchange(base, method, path, headers, body) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const req = send({ hostname, port, method, path, agent: false }, (res) => {
      const chunks = [];
      res
        .on("data", (chunk) => chunks.push(chunk))
        .on("error", reject)
        .on("end", () => {
          const text = Buffer.concat(chunks).toString();
          let parsed;
          try {
            parsed = text === "" ? undefined : JSON.parse(text);
          } catch {
            parsed = text;
          }
          resolve({ status: res.statusCode, headers: res.headers, body: parsed });
        });
    });
    req.on("error", reject);
    for (const [name, value] of headers) req.setHeader(name, value);
    if (body !== undefined) req.setHeader("content-length", Buffer.byteLength(body));
    req.end(body);
  });
}
