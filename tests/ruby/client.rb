# frozen_string_literal: true

# Trusts `sentri serve` in client mode through a rotation of its keys: tokens of the old key and of the new one verify all
# the while, and a forged one never.
require "json"
require "net/http"
require "open3"
require "sentri_native"

BASE = ENV.fetch("BASE")
USER = { identifier: "rizz", password: "correct horse" }.freeze
HEADERS = { "content-type" => "application/json" }.freeze

def check(name, found, wanted)
  raise "#{name}: expected #{wanted.inspect}, got #{found.inspect}" unless found == wanted

  puts "ok #{name}"
end

def wait(job)
  loop do
    step = job.wait(100)
    return step.result if step
  end
end

def post(path, body)
  answer = Net::HTTP.post(URI("#{BASE}#{path}"), body.to_json, HEADERS)
  [answer.code.to_i, JSON.parse(answer.body)]
end

def log_in
  status, answer = post("/login", USER)
  raise "login: #{answer}" unless status == 200

  answer["data"]["accessToken"]
end

# The id of the user that a token names, or the code of the refusal.
def verified(client, token)
  outcome = JSON.parse(wait(client.verify_access_token(token)))
  outcome["error"] ? outcome["error"]["code"] : outcome["value"]["id"]
end

def kid_of(token)
  JSON.parse(token.split(".").first.tr("-_", "+/").unpack1("m"))["kid"]
end

options = { mode: "client", keyUri: "#{BASE}/keys", validRoles: %w[user admin] }
client = SentriNative::NativeClient.new(options.to_json, [], nil)
raise client.configuration if JSON.parse(client.configuration)["error"]

status, registered = post("/register", { identifiers: [{ type: "username", value: "rizz" }], password: USER[:password] })
check("a registration", status, 201)
id = registered["data"]["user"]["id"]
old = log_in
check("a token of the old key", verified(client, old), id)

rotated, status = Open3.capture2(*JSON.parse(ENV.fetch("ROTATE")))
check("a rotation", status.success?, true)
kid = JSON.parse(rotated)["kid"]
token = old
deadline = Time.now + 90
until kid_of(token) == kid
  raise "the new key never signed" if Time.now > deadline

  sleep 1
  token = log_in
  found = [verified(client, token), verified(client, old)]
  raise "a token was refused: #{found}" unless found == [id, id]
end
check("a token of the new key", verified(client, token), id)
check("a token of the old key still", verified(client, old), id)
forged = "#{token[0..-3]}#{token.end_with?('xx') ? 'yy' : 'xx'}"
check("a forged one", verified(client, forged), "TOKEN_INVALID")
puts "6 passed"
