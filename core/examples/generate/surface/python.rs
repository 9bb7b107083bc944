//! Declarations in Python.

use std::fmt::Write as _;

use super::{Choice, Class, Field, Form, Function, Record, Surface, Type, is_protect_host};
use crate::PYTHON_HEAD;
use crate::types::{camel, wrap};

/// Records as typed dictionaries. Those that may lack members have a base with the members that are always there.
pub fn records(records: &[Record]) -> String {
    let mut out = PYTHON_HEAD.to_owned() + "from typing import Any, Literal, Optional, TypedDict\n";
    for Record { doc, name, fields } in records {
        let (optional, always): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| field.may_lack);
        let is_whole = optional.is_empty();
        let base = if is_whole { name.clone() } else { format!("_{name}") };
        if is_whole || !always.is_empty() {
            let shown = if is_whole { doc.clone() } else { format!("The members that every `{name}` has.") };
            let _ = write!(out, "\n\nclass {base}(TypedDict):\n{}\n", docstring(&shown, "    "));
            out.extend(always.into_iter().map(member));
        }
        if !is_whole {
            let _ = write!(out, "\n\nclass {name}({base}, total=False):\n{}\n", docstring(doc, "    "));
            out.extend(optional.into_iter().map(member));
        }
    }
    out
}

/// Classes as protocols, and what makes them.
pub fn surface(surface: &Surface) -> String {
    let mut out = PYTHON_HEAD.to_owned();
    out += "from collections.abc import Callable\nfrom typing import Any, Optional, Protocol, cast\n\n";
    out += "from .library import module as _module\n";
    for choice in &surface.choices {
        out += &protocol_of_choice(choice);
    }
    let shared = surface.shared();
    let (protect_hosts, others): (Vec<&Class>, Vec<&Class>) =
        surface.classes.iter().partition(|class| is_protect_host(class));
    out.extend(others.into_iter().map(|class| protocol(class, "Protocol", class.methods.iter())));
    out += "\n\nclass NativeProtectHost(Protocol):\n";
    out += &docstring("The part that servers and clients share: all that guards an application's routes.", "    ");
    out.extend(shared.iter().map(method));
    let own = |class: &&Class| protocol(class, "NativeProtectHost, Protocol", surface.own(class, &shared));
    out.extend(protect_hosts.iter().map(own));
    out.extend(surface.classes.iter().filter_map(maker));
    out += "\n\n";
    out.extend(surface.functions.iter().map(function));
    out
}

fn docstring(doc: &str, indent: &str) -> String {
    let lines = wrap(&format!("\"\"\"{}\"\"\"", doc.replace('`', "``")), 116 - indent.len());
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

fn comment(doc: &str, indent: &str) -> String {
    if doc.is_empty() {
        return String::new();
    }
    wrap(&doc.replace('`', "``"), 112).iter().map(|line| format!("{indent}#: {line}\n")).collect()
}

fn member(field: &Field) -> String {
    format!("{}    {}: {}\n", comment(&field.doc, "    "), camel(&field.name), written(&field.of))
}

/// A choice as uniffi makes it: an object with the members of its variant, which says by methods which it is.
fn protocol_of_choice(choice: &Choice) -> String {
    let Record { doc, name, fields } = &choice.record;
    let mut out = format!("\n\nclass {name}(Protocol):\n{}\n", docstring(doc, "    "));
    for Field { doc, name, of, .. } in fields {
        let _ = writeln!(out, "{}    {name}: {}", comment(doc, "    "), written(of));
    }
    for variant in &choice.variants {
        let _ = writeln!(out, "\n    def is_{variant}(self) -> bool: ...");
    }
    out
}

fn protocol<'a>(class: &Class, base: &str, methods: impl Iterator<Item = &'a Function>) -> String {
    let mut out = format!("\n\nclass {}({base}):\n{}", class.name, docstring(&class.doc, "    "));
    out.extend(methods.filter(|method| method.form != Form::Constructor).map(method));
    out
}

fn method(function: &Function) -> String {
    let word = if function.form == Form::Async { "async def" } else { "def" };
    let own = list(&function.parameters);
    let own = if own.is_empty() { "self".to_owned() } else { format!("self, {own}") };
    let text = format!("    {word} {}({own}) -> {}:", function.name, written(&function.returns));
    format!("\n{text}\n{}        ...\n", docstring(&function.doc, "        "))
}

fn list(parameters: &[Field]) -> String {
    parameters.iter().map(|it| format!("{}: {}", it.name, written(&it.of))).collect::<Vec<_>>().join(", ")
}

fn names(parameters: &[Field]) -> String {
    parameters.iter().map(|it| it.name.clone()).collect::<Vec<_>>().join(", ")
}

/// The function that makes an object of a class, `make_server` for `NativeServer`.
fn maker(class: &Class) -> Option<String> {
    let made = class.methods.iter().find(|method| method.form == Form::Constructor)?;
    let own = class.name.strip_prefix("Native").unwrap_or(&class.name).to_lowercase();
    let (name, parameters) = (&class.name, &made.parameters);
    let mut out = format!("\n\ndef make_{own}({}) -> {name}:\n{}", list(parameters), docstring(&made.doc, "    "));
    let _ = writeln!(out, "    return cast({name}, _module.{name}({}))", names(parameters));
    Some(out)
}

/// A function of the module, called without a frame between.
fn function(function: &Function) -> String {
    let Function { doc, name, parameters, returns, .. } = function;
    let types: Vec<String> = parameters.iter().map(|it| written(&it.of)).collect();
    format!("{}{name}: Callable[[{}], {}] = _module.{name}\n", comment(doc, ""), types.join(", "), written(returns))
}

fn written(of: &Type) -> String {
    match of {
        Type::Nothing => "None".to_owned(),
        Type::Text => "str".to_owned(),
        Type::Number => "int".to_owned(),
        Type::Switch => "bool".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Json => "Any".to_owned(),
        Type::Object => "dict[str, Any]".to_owned(),
        Type::Words(words) => {
            format!("Literal[{}]", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
        }
        Type::Named(name) => name.clone(),
        Type::Optional(of) => format!("Optional[{}]", written(of)),
        Type::List(of) => format!("list[{}]", written(of)),
        Type::Pair(of) => format!("tuple[{0}, {0}]", written(of)),
        Type::Later(_) | Type::Spelt(_) => panic!("a type that Python does not have"),
    }
}
