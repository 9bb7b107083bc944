#!/usr/bin/env bash
# Runs the Ruby smoke test over the bindings of `make bindings LANG=ruby`, with a token that Node has signed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export SECRET='a secret of at least thirty-two bytes, for tests'
TOKEN=$(node -e '
  const { createAuth } = require("./npm/dist/index.js");
  const auth = createAuth({ mode: "server", validRoles: ["user"], db: "sqlite::memory:", secret: process.env.SECRET });
  console.log(auth.signAccessToken({ id: "made-in-node", roles: ["user"], sessionId: "s1" }));
')
export TOKEN
folder=$PWD/target/bindings/ruby
export LD_LIBRARY_PATH=$folder DYLD_LIBRARY_PATH=$folder
exec ruby -I "$folder" tests/ruby/smoke.rb
