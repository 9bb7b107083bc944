/** The peer's address, from the server of the runtime: Node, Bun, Deno, or the platform that calls a function. */
export function peerOfHost(host: any, request: Request): string | undefined {
  const node = host?.incoming?.socket?.remoteAddress ?? host?.server?.incoming?.socket?.remoteAddress;
  const bun = host?.server ?? host;
  return (
    node ??
    host?.remoteAddr?.hostname ??
    (typeof bun?.requestIP === "function" ? bun.requestIP(request)?.address : peerOfPlatform(host))
  );
}

/**
 * Returns the peer's address from the event of AWS API Gateway (both versions), Lambda@Edge or Netlify. A load balancer
 * has no such field: it names the client in X-Forwarded-For only.
 */
function peerOfPlatform(host: any): string | undefined {
  const aws = host?.requestContext;
  const named =
    aws?.identity?.sourceIp ??
    aws?.http?.sourceIp ??
    host?.event?.Records?.[0]?.cf?.request?.clientIp ??
    host?.context?.ip;
  return typeof named === "string" ? named : undefined;
}
