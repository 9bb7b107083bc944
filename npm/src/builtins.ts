// Node's own modules. `process.getBuiltinModule` comes first, because a bundle of ES modules may have no `require`.
type AsyncHooks = typeof import("node:async_hooks");
type FileSystem = typeof import("node:fs");
type Modules = typeof import("node:module");
type Path = typeof import("node:path");
type Stream = typeof import("node:stream");

export const asyncHooks: AsyncHooks = process.getBuiltinModule?.("node:async_hooks") ?? require("node:async_hooks");
export const fs: FileSystem = process.getBuiltinModule?.("node:fs") ?? require("node:fs");
export const modules: Modules = process.getBuiltinModule?.("node:module") ?? require("node:module");
export const path: Path = process.getBuiltinModule?.("node:path") ?? require("node:path");
export const stream: Stream = process.getBuiltinModule?.("node:stream") ?? require("node:stream");
