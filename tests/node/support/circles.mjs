/** The circles of a graph, a `Map` of names to the names that each leads to: every group that leads back to itself. */
export function circles(graph) {
  const reaches = new Map([...graph.keys()].map((name) => [name, reachable(graph, name)]));
  const found = new Map();
  for (const [name, others] of reaches) {
    if (!others.has(name)) continue;
    const group = [...others].filter((other) => reaches.get(other)?.has(name)).sort();
    found.set(group.join(), group);
  }
  return [...found.values()];
}

function reachable(graph, from) {
  const seen = new Set();
  const rest = [...(graph.get(from) ?? [])];
  while (rest.length > 0) {
    const name = rest.pop();
    if (seen.has(name)) continue;
    seen.add(name);
    rest.push(...(graph.get(name) ?? []));
  }
  return seen;
}
