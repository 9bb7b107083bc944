//! Writes the TypeScript, the Python and the pages of the reference that are derived from the core's tables; with
//! `--check`, only says whether it is up to date.

mod options;
mod surface;
mod types;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use options::BEGIN;
use sentri_core::ErrorCode;
use sentri_core::config::SERVER_ONLY;
use sentri_core::error::{ROWS, STATUS_NAMES};
use sentri_core::event::EventName;
use sentri_core::hook::Operation;
use sentri_core::host::CONSTANTS;
use sentri_core::http::openapi::document;
use sentri_core::http::router::ROUTES;
use sentri_core::programmatic::CALLS;
use sentri_core::settings::schema::schema;
use sentri_core::telemetry::{CallOutcome, METRICS, PROMETHEUS_TYPE};

const HEAD: &str = "// Written by `make generate` from the tables of the core. Do not edit.\n\n";

fn codes() -> String {
    let mut out = HEAD.to_owned();
    out += "/** HTTP status of every error code. */\nexport const SENTRI_ERROR_STATUS = {\n";
    for code in ErrorCode::ALL {
        let _ = writeln!(out, "  {}: {},", code.as_str(), code.status());
    }
    out += "} as const;\n\n/** Every error code of sentri. */\n";
    out += "export type SentriErrorCode = keyof typeof SENTRI_ERROR_STATUS;\n";
    out += "\n/** The sentence that goes with a code where no more precise one is known. */\n";
    out += "export const SENTRI_ERROR_MESSAGE: Record<SentriErrorCode, string> = {\n";
    for code in ErrorCode::ALL {
        let _ = writeln!(out, "  {}: \"{}\",", code.as_str(), code.message());
    }
    out += "};\n\n/** The names of 4xx statuses for which there are no better words. */\n";
    out += "export const STATUS_NAMES: Record<number, string> = {\n";
    for (status, name) in STATUS_NAMES {
        let _ = writeln!(out, "  {status}: \"{name}\",");
    }
    out += "};\n";
    out
}

fn events() -> String {
    let mut out = HEAD.to_owned();
    out +=
        "/** Every auth event, its level, and the fields it may carry beside `service`, `event` and `requestId`. */\n";
    out += "export const SENTRI_EVENTS = {\n";
    for event in EventName::ALL {
        let fields: Vec<String> = event.fields().iter().map(|field| format!("\"{field}\"")).collect();
        let (name, level) = (event.as_str(), event.level().as_str());
        let _ = writeln!(out, "  \"{name}\": {{ level: \"{level}\", fields: [{}] }},", fields.join(", "));
    }
    out += "} as const;\n\n/** Name of an auth event. */\nexport type SentriEvent = keyof typeof SENTRI_EVENTS;\n";
    out
}

fn routes() -> String {
    let mut out = HEAD.to_owned();
    out +=
        "/** Every endpoint: method, path below the mount point, who may call it. */\nexport const SENTRI_ROUTES = [\n";
    for route in ROUTES {
        let access = format!("{:?}", route.access).to_lowercase();
        let _ =
            writeln!(out, "  {{ method: \"{}\", path: \"{}\", access: \"{access}\" }},", route.method, route.pattern);
    }
    out += "] as const;\n\n/** The operations that the option `router` may override. */\n";
    out += "export const SENTRI_OPERATIONS = [";
    out += &Operation::ALL.map(|operation| format!("\"{}\"", operation.as_str())).join(", ");
    out += "] as const;\n";
    out
}

fn calls() -> String {
    let names: Vec<String> = CALLS.iter().map(|name| format!("  | \"{name}\"")).collect();
    format!("{HEAD}/** The calls of a server that the core answers. */\nexport type Call =\n{};\n", names.join("\n"))
}

/// The numbers of `values` as both languages write a list or a single one.
fn numbers(values: &[usize], open: &str, close: &str) -> String {
    match values {
        [one] => one.to_string(),
        _ => format!("{open}{}{close}", values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn constants() -> String {
    let lines = CONSTANTS.iter().map(|(name, values, help)| {
        format!("/** {help}. */\nexport const {name} = {};\n", numbers(values, "[", "] as const"))
    });
    HEAD.to_owned() + &lines.collect::<Vec<_>>().join("\n")
}

fn constants_in_python() -> String {
    let lines =
        CONSTANTS.iter().map(|(name, values, help)| format!("\n#: {help}.\n{name} = {}\n", numbers(values, "(", ")")));
    PYTHON_HEAD.trim_end().to_owned() + "\n" + &lines.collect::<String>()
}

fn openapi() -> String {
    let mut out = HEAD.to_owned();
    out += "/** The endpoints as an OpenAPI 3.1 document, below wherever they are mounted. */\n";
    out += "export const SENTRI_OPENAPI: Record<string, unknown> = {\n";
    for (name, value) in document().as_object().into_iter().flatten() {
        match value.as_object().filter(|_| name == "paths") {
            Some(paths) => {
                let lines = paths.iter().map(|(path, item)| format!("    \"{path}\": {item},\n"));
                let _ = writeln!(out, "  \"paths\": {{\n{}  }},", lines.collect::<String>());
            }
            None => {
                let _ = writeln!(out, "  \"{name}\": {value},");
            }
        }
    }
    out + "};\n"
}

/// The same for Python, as JSON with a line for each path.
fn openapi_in_python() -> String {
    let mut members = Vec::new();
    for (name, value) in document().as_object().into_iter().flatten() {
        match value.as_object().filter(|_| name == "paths") {
            Some(paths) => {
                let lines: Vec<String> = paths.iter().map(|(path, item)| format!("  \"{path}\": {item}")).collect();
                members.push(format!("\"paths\": {{\n{}\n}}", lines.join(",\n")));
            }
            None => members.push(format!("\"{name}\": {value}")),
        }
    }
    format!("{{\n{}\n}}\n", members.join(",\n"))
}

fn server_only() -> String {
    let mut out = HEAD.to_owned();
    out += "/** The options of server mode that client mode does not have. */\n";
    out += "export const SERVER_ONLY: readonly string[] = [\n";
    for name in SERVER_ONLY.iter() {
        let _ = writeln!(out, "  \"{name}\",");
    }
    out += "];\n";
    out
}

fn prometheus() -> String {
    let comment = "/** The content type of the text that Prometheus scrapes. */";
    format!("{HEAD}{comment}\nexport const PROMETHEUS_CONTENT_TYPE = \"{PROMETHEUS_TYPE}\";\n")
}

fn schema_in_typescript() -> String {
    let mut out = HEAD.to_owned();
    out += "/** The JSON Schema of a file of options, for editors. */\n";
    let _ = writeln!(out, "export const SENTRI_SCHEMA: Record<string, unknown> = {};", schema());
    out
}

fn calls_in_python() -> String {
    let names: String = CALLS.iter().map(|name| format!("    \"{name}\",\n")).collect();
    let comment = "#: The calls of a server that the core answers.";
    format!("{PYTHON_HEAD}from typing import Literal\n\n{comment}\nCall = Literal[\n{names}]\n")
}

const PYTHON_HEAD: &str = "\"\"\"Written by `make generate` from the tables of the core. Do not edit.\"\"\"\n\n\
    from __future__ import annotations\n\n";

fn tables_in_python() -> String {
    let mut out = PYTHON_HEAD.to_owned();
    out += "#: HTTP status of every error code.\nSENTRI_ERROR_STATUS: dict[str, int] = {\n";
    for code in ErrorCode::ALL {
        let _ = writeln!(out, "    \"{}\": {},", code.as_str(), code.status());
    }
    out +=
        "}\n\n#: Every auth event: its level, and the fields it may carry beside `service`, `event` and `requestId`.\n";
    out += "SENTRI_EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {\n";
    for event in EventName::ALL {
        let fields: String = event.fields().iter().map(|field| format!("\"{field}\", ")).collect();
        let _ = writeln!(out, "    \"{}\": (\"{}\", ({fields})),", event.as_str(), event.level().as_str());
    }
    out += "}\n\n#: Every endpoint: method, path below the mount point, who may call it.\n";
    out += "SENTRI_ROUTES: tuple[tuple[str, str, str], ...] = (\n";
    for route in ROUTES {
        let access = format!("{:?}", route.access).to_lowercase();
        let _ = writeln!(out, "    (\"{}\", \"{}\", \"{access}\"),", route.method, route.pattern);
    }
    out += ")\n\n#: The content type of the text that Prometheus scrapes.\n";
    let _ = writeln!(out, "PROMETHEUS_CONTENT_TYPE = \"{PROMETHEUS_TYPE}\"");
    out
}

fn metrics_page() -> String {
    let mut out =
        "<!-- Written by `make generate` from the tables of the core. Do not edit. -->\n\n# Metrics\n\n".to_owned();
    out += "`auth.metrics()` lists them, in both modes, on Node and in Python, and `sentri/prometheus` and \
            `sentri.prometheus` serve them: see [the guide](../guide/metrics.md). Counters start at zero with the \
            process.\n\n";
    out += "| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n";
    for (name, kind, labels, help) in METRICS {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "| `{name}` | {} | {labels} | {help} |", kind.as_str());
    }
    let outcomes = CallOutcome::ALL.map(|outcome| format!("`{}`", outcome.as_str())).join(", ");
    let _ = writeln!(out, "\nThe label `call` is the name of a programmatic call, `outcome` one of {outcomes}.");
    out += "\nThe label `event` is one of these:\n\n";
    for event in EventName::ALL {
        let _ = writeln!(out, "* `{}`", event.as_str());
    }
    out
}

fn errors_page(page: &str) -> String {
    let mut table = format!("{BEGIN}| Code | Status | Meaning | Cure |\n| --- | --- | --- | --- |\n");
    for row in &ROWS {
        let _ = writeln!(table, "| `{}` | {} | {} | {} |", row.name, row.status, row.meaning, row.cure);
    }
    options::filled(page, &table)
}

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = |name: &str| std::fs::read_to_string(root.join("docs/reference").join(name)).unwrap_or_default();
    let mut stale = false;
    for (name, text) in [
        ("npm/src/generated/calls.ts", calls()),
        ("npm/src/generated/codes.ts", codes()),
        ("npm/src/generated/constants.ts", constants()),
        ("npm/src/generated/events.ts", events()),
        ("npm/src/generated/native.ts", surface::native_in_typescript(&root)),
        ("npm/src/generated/openapi.ts", openapi()),
        ("npm/src/generated/prometheus.ts", prometheus()),
        ("npm/src/generated/flags.ts", options::typescript()),
        ("npm/src/generated/options.ts", server_only()),
        ("npm/src/generated/option-types.ts", types::typescript()),
        ("npm/src/generated/overrides.ts", types::overrides()),
        ("npm/src/generated/schema.ts", schema_in_typescript()),
        ("npm/src/generated/routes.ts", routes()),
        ("npm/src/generated/wire.ts", surface::wire_in_typescript(&root)),
        ("bindings-python/python/sentri/calls.py", calls_in_python()),
        ("bindings-python/python/sentri/constants.py", constants_in_python()),
        ("bindings-python/python/sentri/native.py", surface::native_in_python(&root)),
        ("bindings-python/python/sentri/openapi.json", openapi_in_python()),
        ("bindings-python/python/sentri/option_types.py", types::python()),
        ("bindings-python/python/sentri/schema.json", format!("{}\n", schema())),
        ("bindings-python/python/sentri/serve_flags.py", options::python()),
        ("bindings-python/python/sentri/tables.py", tables_in_python()),
        ("bindings-python/python/sentri/wire.py", surface::wire_in_python(&root)),
        ("docs/reference/cli.md", options::command_line(&page("cli.md"))),
        ("docs/reference/errors.md", errors_page(&page("errors.md"))),
        ("docs/reference/metrics.md", metrics_page()),
        ("docs/reference/options.md", options::options_page(&page("options.md"))),
        ("docs/reference/settings.md", options::page()),
    ] {
        let path = root.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            continue;
        }
        stale = true;
        if check {
            eprintln!("{name} is not what the core's tables say: run `make generate`");
        } else if let Err(error) = std::fs::write(&path, text) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    if check && stale { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
