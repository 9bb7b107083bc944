//! Reads Rust: records with their serde attributes, and the functions that napi and uniffi export.

use std::path::Path;

use syn::meta::ParseNestedMeta;
use syn::{
    Attribute, Expr, Fields, FnArg, GenericArgument, ImplItem, Item, ItemStruct, Lit, Pat, PathArguments, ReturnType,
    Signature,
};

use super::{Choice, Class, Field, Form, Function, Record, Surface, Type};

fn items(path: &Path) -> Vec<Item> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).items
}

/// The records of these files, in the order of the list.
pub fn records(root: &Path, files: &[(&str, &[&str])]) -> Vec<Record> {
    let mut found = Vec::new();
    for (file, names) in files {
        let items = items(&root.join(file));
        for name in *names {
            let record = items.iter().find_map(|item| match item {
                Item::Struct(it) if it.ident == name => Some(record(it)),
                _ => None,
            });
            found.push(record.unwrap_or_else(|| panic!("{file} has no {name}")));
        }
    }
    found
}

/// All that a binding exports, by the names of its files.
pub fn surface(folder: &Path) -> Surface {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut surface = Surface::default();
    for item in paths.iter().flat_map(|path| items(path)) {
        read(item, &mut surface);
    }
    surface
}

fn read(item: Item, surface: &mut Surface) {
    match item {
        Item::Struct(it) if attribute(&it.attrs).is_some_and(|given| given.has("object")) => {
            surface.records.push(record(&it));
        }
        Item::Struct(it) if attribute(&it.attrs).is_some() => {
            let (doc, name) = (doc(&it.attrs), it.ident.to_string());
            surface.classes.push(Class { doc, name, methods: Vec::new() });
        }
        Item::Enum(it) if attribute(&it.attrs).is_some() => {
            let variants = it.variants.iter().map(|variant| variant.ident.to_string().to_uppercase()).collect();
            let fields = it.variants.iter().flat_map(|variant| fields(&variant.fields, false, false)).collect();
            let record = Record { doc: doc(&it.attrs), name: it.ident.to_string(), fields };
            surface.choices.push(Choice { variants, record });
        }
        Item::Impl(it) => {
            let Some(given) = attribute(&it.attrs) else { return };
            let name = it.self_ty;
            let class = surface.classes.iter_mut().find(|class| type_of(&name) == Type::Named(class.name.clone()));
            let class = class.expect("a class is exported before its methods");
            class.methods.extend(it.items.iter().filter_map(|item| match item {
                // uniffi exports all that is in the block, napi what has an attribute of its own.
                ImplItem::Fn(it) if given.is_uniffi || attribute(&it.attrs).is_some() => {
                    Some(function(&it.attrs, &it.sig))
                }
                _ => None,
            }));
        }
        Item::Fn(it) if attribute(&it.attrs).is_some() => surface.functions.push(function(&it.attrs, &it.sig)),
        _ => {}
    }
}

/// The arguments of an attribute that exports.
#[derive(Default)]
struct Given {
    is_uniffi: bool,
    words: Vec<(String, String)>,
}

impl Given {
    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|(name, _)| name == word)
    }

    fn spelt(&self, word: &str) -> Option<Type> {
        self.words.iter().find(|(name, _)| name == word).map(|(_, text)| Type::Spelt(text.clone()))
    }
}

/// `#[napi]`, `#[uniffi::export]`, `#[uniffi::constructor]` or the derives of uniffi.
fn attribute(attributes: &[Attribute]) -> Option<Given> {
    attributes.iter().find_map(|attribute| {
        let path = attribute.path();
        let mut given = Given::default();
        let mut read = |meta: ParseNestedMeta<'_>| {
            let name = meta.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            given.is_uniffi |= meta.path.segments.first().is_some_and(|segment| segment.ident == "uniffi");
            let value = meta.value().ok().map(syn::parse::ParseBuffer::parse::<Lit>).transpose()?;
            let text = value.map(|value| if let Lit::Str(text) = value { text.value() } else { String::new() });
            given.words.push((name, text.unwrap_or_default()));
            Ok(())
        };
        if path.is_ident("napi") {
            if attribute.meta.require_list().is_ok() {
                attribute.parse_nested_meta(read).expect("arguments of napi");
            }
            return Some(given);
        }
        if path.is_ident("derive") {
            attribute.parse_nested_meta(&mut read).expect("derives");
            return given.is_uniffi.then_some(given);
        }
        let is_uniffi = path.segments.first().is_some_and(|segment| segment.ident == "uniffi");
        let words = path.segments.last().map(|segment| (segment.ident.to_string(), String::new()));
        is_uniffi.then(|| Given { is_uniffi, words: words.into_iter().collect() })
    })
}

/// The first paragraph of a doc comment, as plain text.
fn doc(attributes: &[Attribute]) -> String {
    let lines =
        attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| match &attribute
            .meta
            .require_name_value()
            .ok()?
            .value
        {
            Expr::Lit(it) => match &it.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
    let first: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    first.join(" ").replace("[`", "`").replace("`]", "`").replace("``", "`")
}

fn has_serde(attributes: &[Attribute], word: &str) -> bool {
    let lists = attributes.iter().filter(|it| it.path().is_ident("serde")).filter_map(|it| it.meta.require_list().ok());
    lists.into_iter().any(|list| list.tokens.to_string().contains(word))
}

fn record(it: &ItemStruct) -> Record {
    let is_napi = attribute(&it.attrs).is_some();
    let fields = fields(&it.fields, is_napi || has_serde(&it.attrs, "default"), is_napi);
    Record { doc: doc(&it.attrs), name: it.ident.to_string(), fields }
}

/// Fields. What a host sends may lack what is optional (`is_sent`), what it gets lacks what serde skips.
fn fields(fields: &Fields, is_sent: bool, is_napi: bool) -> Vec<Field> {
    let field = |it: &syn::Field| {
        let is_skipped = has_serde(&it.attrs, "skip_serializing_if");
        let (may_lack, of) = match type_of(&it.ty) {
            Type::Optional(inner) if is_skipped || is_napi => (true, *inner),
            of => (is_skipped || (is_sent && matches!(of, Type::Optional(_))), of),
        };
        let of = attribute(&it.attrs).and_then(|given| given.spelt("ts_type")).unwrap_or(of);
        Field {
            doc: doc(&it.attrs),
            name: it.ident.as_ref().map(ToString::to_string).unwrap_or_default(),
            of,
            may_lack,
        }
    };
    fields.iter().map(field).collect()
}

fn function(attributes: &[Attribute], signature: &Signature) -> Function {
    let given = attribute(attributes).unwrap_or_default();
    let parameters = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(it) => {
            let Pat::Ident(name) = &*it.pat else { return None };
            let spelt = attribute(&it.attrs).and_then(|given| given.spelt("ts_arg_type"));
            let of = spelt.unwrap_or_else(|| type_of(&it.ty));
            let is_of_host = of != Type::Named("Env".to_owned()) && name.ident != "self";
            is_of_host.then(|| Field { doc: String::new(), name: name.ident.to_string(), of, may_lack: false })
        }
        FnArg::Receiver(_) => None,
    });
    let returns = given.spelt("ts_return_type").unwrap_or_else(|| match &signature.output {
        ReturnType::Default => Type::Nothing,
        ReturnType::Type(_, of) => type_of(of),
    });
    let form = match () {
        () if given.has("constructor") => Form::Constructor,
        () if given.has("getter") => Form::Getter,
        () if signature.asyncness.is_some() => Form::Async,
        () => Form::Plain,
    };
    Function {
        doc: doc(attributes),
        name: signature.ident.to_string(),
        parameters: parameters.collect(),
        returns,
        form,
    }
}

fn type_of(of: &syn::Type) -> Type {
    match of {
        syn::Type::Reference(it) => type_of(&it.elem),
        syn::Type::Slice(it) => list(type_of(&it.elem), &it.elem),
        syn::Type::Tuple(it) if it.elems.is_empty() => Type::Nothing,
        syn::Type::Tuple(it) => Type::Pair(Box::new(type_of(&it.elems[0]))),
        syn::Type::Path(it) => {
            let segment = it.path.segments.last().expect("a path has segments");
            let inner = match &segment.arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(of) => Some(of),
                    _ => None,
                }),
                _ => None,
            };
            named(&segment.ident.to_string(), inner)
        }
        _ => panic!("a type that does not cross"),
    }
}

fn list(inner: Type, of: &syn::Type) -> Type {
    let is_byte = matches!(of, syn::Type::Path(it) if it.path.is_ident("u8"));
    if is_byte { Type::Bytes } else { Type::List(Box::new(inner)) }
}

fn named(name: &str, inner: Option<&syn::Type>) -> Type {
    let boxed = || Box::new(type_of(inner.expect("a parameter")));
    match name {
        "String" | "str" | "Text" | "Method" => Type::Text,
        "f64" | "i32" | "i64" | "u16" | "u32" | "u64" | "Millis" => Type::Number,
        "bool" => Type::Switch,
        "Buffer" => Type::Bytes,
        "Value" => Type::Json,
        "Object" => Type::Object,
        "Level" => Type::Words(&["info", "warn", "error"]),
        "Acr" => Type::Words(&["aal1", "aal2"]),
        "Replay" => Type::Words(&["answer", "run", "refuse"]),
        "Option" => Type::Optional(boxed()),
        "Vec" => list(*boxed(), inner.expect("a parameter")),
        "Result" | "Arc" => *boxed(),
        "AsyncBlock" => Type::Later(boxed()),
        other => Type::Named(other.to_owned()),
    }
}
