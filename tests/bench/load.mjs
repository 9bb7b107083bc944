// The load, in a process of its own: kept connections over real sockets, one request in flight on each. The parent sends
// what to ask by IPC and gets the times of the answers.
import autocannon from "autocannon";

/** The pair `name=value` of the last cookie of that name that an answer sets; a refusal sets none. */
function cookieIn(rawHeaders, name) {
  const set = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1].toLowerCase() === "set-cookie");
  return set.findLast((value) => value.startsWith(`${name}=`))?.split(";", 1)[0] ?? "";
}

/** A connection for each of `requests`, which repeats it. `carried` names a cookie that goes from answer to request. */
async function load({ url, method, requests, carried, seconds }) {
  const times = [];
  let connections = 0;
  const setupClient = (client) => {
    const { headers, body } = requests[connections++];
    client.setHeadersAndBody(headers, body);
    client.on("response", (_status, _bytes, time) => times.push(time));
    if (carried === undefined) return;
    client.on("headers", (answer) => client.setHeaders({ ...headers, cookie: cookieIn(answer.headers, carried) }));
  };
  const options = { url, method, connections: requests.length, duration: seconds, setupClient };
  const { non2xx, errors, duration } = await autocannon(options);
  return { times, seconds: duration, refused: non2xx, errors };
}

process.on("message", async (job) => process.send(await load(job)));
