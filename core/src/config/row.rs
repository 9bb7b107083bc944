//! A row of the table of options.

/// The values that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// Any text.
    Text,
    /// A whole number within these limits.
    Number(u32, u32),
    /// `true` or `false`; `on` and `off` in flags and variables.
    Switch,
    /// A switch whose members have rows of their own.
    Members,
    /// A list of texts; separated by commas in flags and variables.
    List,
    /// A duration such as `15m`; in a file a number of seconds too.
    Duration,
    /// One of these words; beside it the option may have members in rows of their own.
    Choice(&'static [&'static str]),
    /// A number of proxies, or a list of their addresses.
    Proxies,
    /// A text, or a table of members in a file.
    Table,
    /// A function, or an object with methods, which only code can give.
    Code,
}

/// The part of the product that an option belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Both modes of the library.
    Both,
    /// Server mode.
    Server,
    /// Client mode.
    Client,
    /// The command `sentri serve`, not the library.
    Serve,
}

/// An option.
#[derive(Debug, Clone, Copy)]
pub struct OptionRow {
    /// The name, as files and TypeScript spell it. A member of an object has the object's name and a point in front.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: OptionKind,
    /// The default, as the documentation words it. Empty: there is none.
    pub default: &'static str,
    /// Its meaning, in one sentence.
    pub sentence: &'static str,
    /// An example of a value, as a command line has it.
    pub example: &'static str,
    /// The part of the product that it belongs to.
    pub group: Group,
    /// Whether SIGHUP changes it while the server runs.
    pub hot: bool,
    /// Whether its value is never printed.
    pub secret: bool,
    /// Whether the row alone declares the option, see `config::plain`.
    pub plain: bool,
    /// The default and the meaning for the reference (Markdown), if they are longer than the sentence.
    pub page: Option<(&'static str, &'static str)>,
}

pub(super) const fn row(
    group: Group,
    name: &'static str,
    kind: OptionKind,
    default: &'static str,
    sentence: &'static str,
    example: &'static str,
) -> OptionRow {
    OptionRow { name, kind, default, sentence, example, group, hot: false, secret: false, plain: false, page: None }
}

impl OptionRow {
    pub(super) const fn hot(mut self) -> Self {
        self.hot = true;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) const fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    pub(super) const fn page(mut self, default: &'static str, meaning: &'static str) -> Self {
        self.page = Some((default, meaning));
        self
    }

    /// Returns the flag of `sentri serve`, without its dashes. `None`: only code can set the option, or only client
    /// mode has it.
    pub fn flag(&self) -> Option<String> {
        match self.name {
            _ if self.kind == OptionKind::Code || self.group == Group::Client || self.name == "mode" => None,
            "validRoles" => Some("roles".to_owned()),
            name => Some(kebab(name)),
        }
    }

    /// Returns the environment variables that set the option. If several are set, the first in this list wins.
    pub fn variables(&self) -> Vec<String> {
        let Some(flag) = self.flag() else { return Vec::new() };
        match self.name {
            "port" => vec!["PORT".to_owned()],
            "host" => vec!["HOST".to_owned()],
            "db" => vec!["DB".to_owned(), "DATABASE_URL".to_owned()],
            _ => vec![format!("SENTRI_{}", flag.replace('-', "_").to_uppercase())],
        }
    }

    /// Returns the key in a file. Options of the command itself are in the table `serve`.
    pub fn key(&self) -> String {
        if self.group == Group::Serve { format!("serve.{}", self.name) } else { self.name.to_owned() }
    }

    /// Returns the name of the value in a help text.
    pub fn value_name(&self) -> String {
        match self.kind {
            OptionKind::Text => "text".to_owned(),
            OptionKind::Number(..) => "number".to_owned(),
            OptionKind::Switch | OptionKind::Members => "on or off".to_owned(),
            OptionKind::List => "list".to_owned(),
            OptionKind::Duration => "duration".to_owned(),
            OptionKind::Choice(words) => words.join(" or "),
            OptionKind::Proxies => "number or list".to_owned(),
            OptionKind::Table => "url".to_owned(),
            OptionKind::Code => "code".to_owned(),
        }
    }
}

/// Writes a name such as `rateLimit.maxLoginAttempts` as `rate-limit-max-login-attempts`.
fn kebab(name: &str) -> String {
    let mut flag = String::new();
    for character in name.chars() {
        match character {
            '.' => flag.push('-'),
            upper if upper.is_ascii_uppercase() => {
                flag.push('-');
                flag.push(upper.to_ascii_lowercase());
            }
            other => flag.push(other),
        }
    }
    flag
}
