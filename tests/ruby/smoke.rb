# frozen_string_literal: true

# Registers, logs in and verifies a token made by Node, through the bindings that uniffi writes.
require "json"
require "sentri_native"

def value(text)
  outcome = JSON.parse(text)
  raise outcome["error"].to_json if outcome["error"]

  outcome["value"]
end

# A job's result; a blocked thread looks at its signals every 100 ms.
def wait(job)
  loop do
    step = job.wait(100)
    return step.result if step
  end
end

def check(name, found, wanted)
  raise "#{name}: expected #{wanted.inspect}, got #{found.inspect}" unless found == wanted

  puts "ok #{name}"
end

options = { mode: "server", db: "sqlite::memory:", validRoles: ["user"], secret: ENV.fetch("SECRET"), saltRounds: 10 }
auth = SentriNative::NativeServer.new(options.to_json, [], nil)
value(auth.configuration)
value(wait(auth.call("migrate", "[]")))

user = { identifiers: [{ type: "username", value: "rizz" }], password: "correct horse" }
registered = value(wait(auth.call("register", [user].to_json)))
check("a registration", registered["success"], true)

request = { method: "POST", path: "/login", headers: [["content-type", "application/json"]] }
body = { identifier: "RIZZ", password: "correct horse" }.to_json
handled = JSON.parse(wait(auth.handle(request.to_json, body.b)))
check("a login", handled["response"]["status"], 200)

token = JSON.parse(handled["response"]["body"])["data"]["accessToken"]
check("its token", value(auth.verify_access_token(token))["id"], registered["user"]["id"])

verified = value(auth.verify_access_token(ENV.fetch("TOKEN")))
check("a token made by Node", verified.values_at("id", "sessionId", "roles"), ["made-in-node", "s1", ["user"]])

forged = "#{ENV.fetch('TOKEN')[0..-3]}xx"
check("a forged one", JSON.parse(auth.verify_access_token(forged))["error"]["code"], "TOKEN_INVALID")
puts "5 passed"
