//! `grafolean snmp translate`: what objects are.

use std::io::{self, Write};

use grafolean_bots::snmp::{
    Oid,
    mib::{Kind, Named, Names, Syntax},
};
use serde_json::{Value, json};

use super::print::Printer;
use crate::failure::Outcome;

/// Prints what is known of objects: no good, if nothing is known of one.
pub(super) fn run(names: &Names, oids: &[String], printer: Printer<'_>) -> anyhow::Result<Outcome> {
    let mut out = io::stdout().lock();
    let mut outcome = Outcome::Good;
    for text in oids {
        let oid = names.parse_root(text)?;
        let known = names.lookup(&oid);
        match (&known, printer.names) {
            (_, None) => writeln!(out, "{oid}")?,
            (known, Some(_)) if printer.as_json => writeln!(out, "{}", object(names, &oid, known.as_ref()))?,
            (Some(named), Some(_)) => tell(&mut out, names, &oid, named)?,
            (None, Some(_)) => writeln!(out, "{oid}")?,
        }
        if known.is_none() {
            outcome = Outcome::Bad;
        }
    }
    Ok(outcome)
}

fn tell(out: &mut impl Write, names: &Names, oid: &Oid, named: &Named<'_, '_>) -> io::Result<()> {
    writeln!(out, "{}", names.name_of(oid))?;
    writeln!(out, "  number  {oid}")?;
    let index = match (named.object.kind(), named.index) {
        (_, []) => String::new(),
        (Kind::Column, index) => format!(", row {}", dotted(index)),
        (_, index) => format!(", {} below it", dotted(index)),
    };
    writeln!(out, "  kind    {}{index}", named.object.kind().label())?;
    let Some(syntax) = named.object.syntax() else { return Ok(()) };
    writeln!(out, "  type    {}", type_of(syntax))?;
    for (label, text) in [("hint", syntax.hint()), ("unit", syntax.unit())] {
        if let Some(text) = text {
            writeln!(out, "  {label:6}  {text}")?;
        }
    }
    let words: Vec<_> = syntax.words().map(|(number, word)| format!("{word}({number})")).collect();
    if !words.is_empty() {
        writeln!(out, "  words   {}", words.join(" "))?;
    }
    Ok(())
}

fn type_of(syntax: &Syntax) -> String {
    let (name, base) = (syntax.type_name(), syntax.base().label());
    if name == base { base.to_owned() } else { format!("{name}, {base}") }
}

fn dotted(index: &[u32]) -> String {
    index.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

fn object(names: &Names, oid: &Oid, known: Option<&Named<'_, '_>>) -> Value {
    let Some(Named { object, index }) = known else { return json!({"oid": oid.to_string()}) };
    let syntax = object.syntax();
    let words = syntax.map(|it| it.words().map(|(number, word)| (word.to_owned(), json!(number))).collect());
    json!({
        "oid": oid.to_string(),
        "name": names.name_of(oid),
        "module": object.module(),
        "object": object.name(),
        "index": index,
        "kind": object.kind().label(),
        "type": syntax.map(Syntax::type_name),
        "base": syntax.map(|it| it.base().label()),
        "hint": syntax.and_then(Syntax::hint),
        "unit": syntax.and_then(Syntax::unit),
        "words": words.map(Value::Object),
    })
}
