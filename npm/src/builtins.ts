// Node's own modules, asked of the process first: a bundle of ES modules may have no `require`.

export const asyncHooks: typeof import("node:async_hooks") = process.getBuiltinModule?.("node:async_hooks") ?? require("node:async_hooks");
export const fs: typeof import("node:fs") = process.getBuiltinModule?.("node:fs") ?? require("node:fs");
export const modules: typeof import("node:module") = process.getBuiltinModule?.("node:module") ?? require("node:module");
export const path: typeof import("node:path") = process.getBuiltinModule?.("node:path") ?? require("node:path");
export const stream: typeof import("node:stream") = process.getBuiltinModule?.("node:stream") ?? require("node:stream");
