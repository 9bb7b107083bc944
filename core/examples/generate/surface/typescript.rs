//! Declarations in TypeScript.

use std::fmt::Write as _;

use super::{Class, Field, Form, Function, Record, Surface, Type, is_protect_host};
use crate::HEAD;
use crate::types::{camel, wrap};

pub fn records(records: &[Record]) -> String {
    HEAD.to_owned() + &records.iter().map(record).collect::<Vec<_>>().join("\n")
}

pub fn surface(surface: &Surface) -> String {
    let mut out = records(&surface.records);
    let shared = surface.shared();
    out +=
        "\n/** The part that servers and clients share: all that guards an application's routes. Texts are JSON. */\n";
    out += "export interface NativeProtectHost {\n";
    out.extend(shared.iter().map(member));
    out += "}\n";
    for class in &surface.classes {
        let extends = if is_protect_host(class) { " extends NativeProtectHost" } else { "" };
        let _ = write!(out, "\n{}export interface {}{extends} {{\n", comment(&class.doc, ""), class.name);
        out.extend(surface.own(class, &shared).filter(|method| method.form != Form::Constructor).map(member));
        out += "}\n";
    }
    out += "\n/** The native core. */\nexport interface NativeModule {\n";
    out.extend(surface.classes.iter().filter_map(constructor));
    out.extend(surface.functions.iter().map(member));
    out + "}\n"
}

fn comment(doc: &str, indent: &str) -> String {
    if doc.is_empty() {
        return String::new();
    }
    if indent.len() + doc.len() <= 112 {
        return format!("{indent}/** {doc} */\n");
    }
    let lines: String = wrap(doc, 115).iter().map(|line| format!("{indent} * {line}\n")).collect();
    format!("{indent}/**\n{lines}{indent} */\n")
}

fn record(record: &Record) -> String {
    let mut out = format!("{}export interface {} {{\n", comment(&record.doc, ""), record.name);
    for Field { doc, name, of, may_lack } in &record.fields {
        let mark = if *may_lack { "?" } else { "" };
        let _ = writeln!(out, "{}  {}{mark}: {};", comment(doc, "  "), camel(name), written(of));
    }
    out + "}\n"
}

fn member(function: &Function) -> String {
    let Function { doc, name, parameters, returns, form } = function;
    let (comment, name, returns) = (comment(doc, "  "), camel(name), written(returns));
    match form {
        Form::Getter => format!("{comment}  readonly {name}: {returns};\n"),
        _ => format!("{comment}  {name}({}): {returns};\n", list(parameters)),
    }
}

fn constructor(class: &Class) -> Option<String> {
    let made = class.methods.iter().find(|method| method.form == Form::Constructor)?;
    let (comment, name) = (comment(&made.doc, "  "), &class.name);
    Some(format!("{comment}  {name}: new ({}) => {name};\n", list(&made.parameters)))
}

/// Parameters. What is optional at the end may be left out.
fn list(parameters: &[Field]) -> String {
    let required = parameters.iter().rposition(|it| !matches!(it.of, Type::Optional(_))).map_or(0, |at| at + 1);
    let one = |(at, it): (usize, &Field)| match &it.of {
        Type::Optional(of) if at >= required => format!("{}?: {}", camel(&it.name), given(of)),
        Type::Optional(of) => format!("{}: {} | undefined", camel(&it.name), given(of)),
        of => format!("{}: {}", camel(&it.name), given(of)),
    };
    parameters.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
}

/// The type of an argument: nobody here writes to a list.
fn given(of: &Type) -> String {
    match of {
        Type::List(of) => format!("readonly {}[]", written(of)),
        other => written(other),
    }
}

fn written(of: &Type) -> String {
    match of {
        Type::Nothing => "void".to_owned(),
        Type::Text => "string".to_owned(),
        Type::Number => "number".to_owned(),
        Type::Switch => "boolean".to_owned(),
        Type::Bytes => "Uint8Array".to_owned(),
        Type::Json => "unknown".to_owned(),
        Type::Object => "Record<string, unknown>".to_owned(),
        Type::Words(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" | "),
        Type::Named(name) | Type::Spelt(name) => name.clone(),
        Type::Optional(of) => format!("{} | null", written(of)),
        Type::List(of) => format!("Array<{}>", written(of)),
        Type::Pair(of) => format!("[{0}, {0}]", written(of)),
        Type::Later(of) => format!("Promise<{}>", written(of)),
    }
}
