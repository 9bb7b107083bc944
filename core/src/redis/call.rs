//! A script with its keys and arguments.

use ::redis::{Cmd, Script, ToRedisArgs, cmd};

/// A script that Redis keeps under its digest.
pub(super) struct Lua {
    source: &'static str,
    digest: String,
}

impl Lua {
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, digest: Script::new(source).get_hash().to_owned() }
    }

    /// Returns a call on `key`. In a cluster the slot of `key` decides which server runs the call.
    pub(super) fn call(&self, key: String) -> Call<'_> {
        Call { script: self, keys: vec![key], arguments: Vec::new() }
    }
}

/// One run of a script. All keys are in one slot of a cluster.
pub struct Call<'a> {
    script: &'a Lua,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl Call<'_> {
    pub(super) fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key);
        self
    }

    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.arguments.extend(argument.to_redis_args());
        self
    }

    /// Returns the command for a server that knows the script.
    pub(super) fn by_digest(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// Returns the command for any server. It carries the script's source, so that no second command has to reach the
    /// same server.
    pub fn by_source(&self) -> Cmd {
        self.command("EVAL", self.script.source)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}
