//! The declarations of the native surface, read from the bindings' own source, and of the records that cross as JSON,
//! read from the core's: in TypeScript and in Python.

mod parse;
mod python;
mod typescript;

use std::path::Path;

/// A type that crosses.
#[derive(Clone, PartialEq)]
enum Type {
    Nothing,
    Text,
    Number,
    Switch,
    Bytes,
    /// Any JSON.
    Json,
    /// A JSON object.
    Object,
    /// One of these texts.
    Words(&'static [&'static str]),
    /// A type of this name.
    Named(String),
    Optional(Box<Type>),
    List(Box<Type>),
    Pair(Box<Type>),
    /// The type of the result of a promise or a job.
    Later(Box<Type>),
    /// TypeScript that the binding's attribute spells out.
    Spelt(String),
}

/// A field of a record, or a parameter.
#[derive(Clone, PartialEq)]
struct Field {
    doc: String,
    name: String,
    of: Type,
    /// Whether the record may lack it.
    may_lack: bool,
}

/// A record.
struct Record {
    doc: String,
    name: String,
    fields: Vec<Field>,
}

/// An enum whose variants have fields: a host sees those of all.
struct Choice {
    variants: Vec<String>,
    record: Record,
}

/// The form of a function.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    Constructor,
    Getter,
    /// A coroutine.
    Async,
}

/// A function, or a method of a class.
#[derive(Clone, PartialEq)]
struct Function {
    doc: String,
    name: String,
    parameters: Vec<Field>,
    returns: Type,
    form: Form,
}

/// A class whose objects live in Rust.
struct Class {
    doc: String,
    name: String,
    methods: Vec<Function>,
}

/// The part of a crate that crosses.
#[derive(Default)]
struct Surface {
    records: Vec<Record>,
    choices: Vec<Choice>,
    classes: Vec<Class>,
    functions: Vec<Function>,
}

impl Surface {
    /// The methods that the classes of both modes have alike, in the order of the class for clients.
    fn shared(&self) -> Vec<Function> {
        let methods = |name: &str| {
            self.classes.iter().find(|class| class.name == name).map(|class| &class.methods[..]).unwrap_or_default()
        };
        let of_server = methods("NativeServer");
        let is_shared = |method: &&Function| {
            method.form != Form::Constructor && of_server.iter().any(|other| is_same(other, method))
        };
        methods("NativeClient").iter().filter(is_shared).cloned().collect()
    }

    /// The methods of a class that are its own.
    fn own<'a>(&self, class: &'a Class, shared: &'a [Function]) -> impl Iterator<Item = &'a Function> {
        let extends = is_protect_host(class);
        class.methods.iter().filter(move |method| !extends || !shared.iter().any(|other| is_same(other, method)))
    }
}

/// Whether two methods are the same but for their documentation.
fn is_same(one: &Function, other: &Function) -> bool {
    let types = |function: &Function| function.parameters.iter().map(|it| it.of.clone()).collect::<Vec<_>>();
    one.name == other.name && one.returns == other.returns && types(one) == types(other)
}

/// Whether a class guards routes.
fn is_protect_host(class: &Class) -> bool {
    class.name == "NativeServer" || class.name == "NativeClient"
}

/// Records of the core that hosts send, and those that they get. In Node the former cross as objects of the binding.
const SENT: &[(&str, &[&str])] = &[
    ("core/src/wire/records.rs", &["EndpointRequest", "GateRequest"]),
    ("core/src/http/guard/request.rs", &["GuardRequest"]),
];
const RECEIVED: &[(&str, &[&str])] = &[(
    "core/src/wire/records.rs",
    &[
        "ErrorData",
        "ResponseData",
        "ReplayData",
        "ReplayDecision",
        "LoggedEvent",
        "HookCall",
        "EndpointResult",
        "Principal",
        "ProtectData",
        "Decision",
        "LimitResult",
        "Requirement",
        "VerifiedToken",
    ],
)];

/// The records of the core as TypeScript.
pub fn wire_in_typescript(root: &Path) -> String {
    typescript::records(&parse::records(root, RECEIVED))
}

/// The records of the core as Python.
pub fn wire_in_python(root: &Path) -> String {
    let mut records = parse::records(root, SENT);
    records.extend(parse::records(root, RECEIVED));
    python::records(&records)
}

/// The binding for Node as TypeScript.
pub fn native_in_typescript(root: &Path) -> String {
    typescript::surface(&parse::surface(&root.join("bindings-node/src")))
}

/// The binding for Python as Python.
pub fn native_in_python(root: &Path) -> String {
    python::surface(&parse::surface(&root.join("bindings-python/src")))
}
