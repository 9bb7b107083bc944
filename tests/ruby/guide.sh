#!/usr/bin/env bash
# Looks for the names of the guide to Kotlin and Swift (docs/guide/languages.md) in the bindings of `make bindings LANG=kotlin` and
# `swift`, which nothing here compiles. What the guide no longer says need not be looked for, so that is a failure, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

guide=docs/guide/languages.md
passed=0
holds() { # what the guide says, file below target/bindings, what stands there (one line of a grep)
  grep -qF -- "$1" "$guide" || { echo "$guide does not say: $1" >&2; exit 1; }
  grep -qE -- "$3" "target/bindings/$2" || { echo "target/bindings/$2 has no $3, which the guide uses: $1" >&2; exit 1; }
  passed=$((passed + 1))
}

kotlin=kotlin/uniffi/sentri_native/sentri_native.kt
server='^open class NativeServer *:'
holds 'uniffi/sentri_native/sentri_native.kt' $kotlin '^package uniffi\.sentri_native'
holds 'net.java.dev.jna:jna' $kotlin '^import com\.sun\.jna\.'
holds 'NativeServer("""{' $kotlin "$server"
holds ', listOf(), null)' $kotlin 'constructor\(`options`: kotlin\.String, `functions`: List<kotlin\.String>, `testClock`: kotlin\.Long\?\)'
holds 'auth.configuration()' $kotlin 'fun `configuration`\(\): kotlin\.String'
holds 'auth.call("migrate", "[]")' $kotlin 'fun `call`\(`method`: kotlin\.String, `arguments`: kotlin\.String\): Job'
holds '.next() as Step.Done)' $kotlin 'suspend fun `next`\(\) *: Step'
holds 'Step.Done).result' $kotlin 'data class Done\('
holds 'auth.verifyAccessToken(token)' $kotlin 'fun `verifyAccessToken`\(`token`: kotlin\.String\): kotlin\.String'
holds '`wait(milliseconds)`' $kotlin 'fun `wait`\(`milliseconds`: kotlin\.UInt\)'
holds '`ASK`' $kotlin 'data class Ask\('
holds '`answer()`' $kotlin 'fun `answer`\('

swift=swift/sentri_native.swift
holds '`sentri_native.swift`' $swift '^open class NativeServer'
holds 'sentri_nativeFFI.modulemap' swift/sentri_nativeFFI.modulemap '^module sentri_nativeFFI'
holds 'NativeServer(options:' $swift 'init\(options: String, functions: \[String\], testClock: Int64\?\)'
holds 'auth.call(method: "migrate", arguments: "[]")' $swift 'func call\(method: String, arguments: String\) *-> Job'
holds 'await auth.call' $swift 'func next\(\) *async *-> Step'
holds 'case .done(let result)' $swift 'case done\($'
for name in NativeServer NativeClient NativeTokens NativePasswords; do
  holds "\`$name\`" $kotlin "^open class $name *:"
  holds "\`$name\`" $swift "^open class $name *:"
done
for language in kotlin swift; do
  # On macOS the library ends otherwise.
  ls target/bindings/$language/libsentri_native.* >/dev/null
done
echo "$passed names of the guide are there"
