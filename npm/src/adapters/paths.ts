/**
 * Returns the path below the mount point, with its query, not decoded. Frameworks know the mount points but keep only
 * the decoded path, so this takes as many segments from the end as `pattern` has. `url` is a path or absolute.
 */
export function below(url: string, pattern: string): string {
  const [address = ""] = url.split("#", 1);
  const mark = address.indexOf("?");
  const path = mark < 0 ? address : address.slice(0, mark);
  const segments = path
    .replace(/\/+$/, "")
    .split("/")
    .slice(1 - pattern.split("/").length);
  return `/${segments.join("/")}${mark < 0 ? "" : address.slice(mark)}`;
}

/** The path of an absolute URL, not decoded. */
export function pathOf(url: string): string {
  return url.slice(url.indexOf("/", url.indexOf("://") + 3)).split(/[?#]/, 1)[0]!;
}
