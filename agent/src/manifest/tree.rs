//! A YAML document as a tree whose every node knows its place.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::place::{Place, Problem};
use super::scalar::{self, Scalar};

/// Nodes a document may have once its aliases are written out: a manifest has a few hundred at
/// most, an alias bomb has billions.
const MOST_NODES: usize = 10_000;
/// How deep a document may nest.
const DEEPEST: usize = 32;

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
    /// Nodes below it, itself included.
    size: usize,
}

/// A node's value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A scalar, with its text where it was not quoted.
    Scalar(Scalar, Option<String>),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file; no key twice.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.node),
            _ => None,
        }
    }

    /// Takes the value under `key` away, if this is a map that has it.
    pub fn remove(&mut self, key: &str) {
        if let Value::Map(entries) = &mut self.value {
            entries.retain(|entry| entry.key != key);
        }
    }

    /// The text, if this is a string.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::Text(text), _) => Some(text),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(Scalar::Null, _))
    }
}

/// Reads the only document of `text`.
///
/// # Errors
/// The first thing that is no YAML, no single document, or that Kubernetes' tools would refuse or
/// misread.
pub fn parse(text: &str) -> Result<Node, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| unprintable(*c)) {
        return Err(Problem::of_document(
            Place::after(&text[..at]),
            format!("the control character {}: remove it", c.escape_unicode()),
        ));
    }
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
        path: Vec::new(),
    };
    let mut only = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                let node = reader.node(event, span, 0)?;
                if node.is_null() {
                    continue;
                }
                if only.is_some() {
                    return Err(Problem::of_document(
                        node.place,
                        "a second document: give one resource at a time",
                    ));
                }
                only = Some(node);
            }
            _ => {}
        }
    }
    only.ok_or_else(|| {
        Problem::of_document(
            Place::START,
            "nothing here: a Trace or a ClusterTrace is wanted",
        )
    })
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// The way to the node being read: `.key` and `[index]`.
    path: Vec<String>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.not_yaml(place_of(*error.marker()), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn not_yaml(&self, place: Place, info: &str) -> Problem {
        let tabbed = |line: &str| {
            line.chars()
                .take_while(|c| c.is_whitespace())
                .any(|c| c == '\t')
        };
        let mut lines = self.text.lines().enumerate().skip(place.line - 1);
        if let Some((index, _)) = lines.find(|(_, line)| tabbed(line)) {
            let place = Place {
                line: index + 1,
                column: 1,
            };
            return self.refuse(place, "a tab in the indentation: write spaces");
        }
        let remedy = match info {
            _ if info.contains("mapping values") => {
                ": quote a value that holds a colon and a space"
            }
            _ if info.contains("end of stream") => ": a quote is not closed",
            _ if info.contains("expected ',' or") => ": close the bracket, or put a comma",
            _ if info.contains("unknown anchor") => ": quote a value that begins with *",
            _ => "",
        };
        self.refuse(place, format!("not YAML: {info}{remedy}"))
    }

    fn refuse(&self, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            place,
            path: self.path.concat().trim_start_matches('.').to_owned(),
            message: message.into(),
        }
    }

    /// Builds the node that `event` begins.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        let place = place_of(span.start);
        if depth > DEEPEST {
            return Err(self.refuse(place, format!("nested more than {DEEPEST} deep")));
        }
        let before = self.nodes;
        self.count(1, place)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (
                scalar_of(&text, style, tag.as_deref())
                    .map_err(|message| self.refuse(place, message))?,
                anchor,
            ),
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), "seq").map_err(|message| self.refuse(place, message))?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), "map").map_err(|message| self.refuse(place, message))?;
                (self.map(depth)?, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(
                        self.refuse(place, "an alias within its own anchor: write the value out")
                    );
                };
                // Where the alias stands is where the value is used.
                let node = Node {
                    place,
                    ..node.clone()
                };
                self.count(node.size, place)?;
                return Ok(node);
            }
            _ => return Err(self.refuse(place, "not YAML: a value is missing")),
        };
        let node = Node {
            place,
            value,
            size: self.nodes - before,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => {
                    self.path.push(format!("[{}]", items.len()));
                    items.push(self.node(event, span, depth + 1)?);
                    self.path.pop();
                }
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, span, depth + 1)?;
            let place = key.place;
            let key = key_of(key).map_err(|message| self.refuse(place, message))?;
            self.path.push(format!(".{key}"));
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let message = format!(
                    "{key} is here twice, first in line {}: remove one",
                    first.place.line
                );
                return Err(self.refuse(place, message));
            }
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            self.path.pop();
            entries.push(Entry { key, place, node });
        }
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            let message = format!(
                "more than {MOST_NODES} values, aliases written out: no resource of Traceherd's has so many"
            );
            return Err(self.refuse(place, message));
        }
        Ok(())
    }
}

fn key_of(key: Node) -> Result<String, String> {
    match key.value {
        Value::Scalar(_, Some(raw)) if raw == "<<" => {
            Err("a merge key (<<): write the fields out".to_owned())
        }
        Value::Scalar(Scalar::Text(text), _) => Ok(text),
        // As kubectl takes it: a number as its own text.
        Value::Scalar(Scalar::Int(int), Some(raw)) if int.to_string() == raw => Ok(raw),
        Value::Scalar(_, Some(raw)) if !raw.is_empty() => Err(format!(
            "the key {raw} is no string to Kubernetes: write \"{raw}\""
        )),
        Value::Scalar(..) => Err("a key is missing before the colon".to_owned()),
        Value::List(_) | Value::Map(_) => {
            Err("a list or map as a key: quote it if it was meant as text".to_owned())
        }
    }
}

fn scalar_of(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    if tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str") {
        return Ok(Value::Scalar(Scalar::Text(text.to_owned()), None));
    }
    refuse_tag(tag, "")?;
    Ok(match style {
        ScalarStyle::Plain => Value::Scalar(scalar::resolve(text), Some(text.to_owned())),
        _ => Value::Scalar(Scalar::Text(text.to_owned()), None),
    })
}

/// A tag other than the core schema's `own` would lose the value or change its meaning: an
/// unquoted `!sidecar` is a tag on an empty value.
fn refuse_tag(tag: Option<&Tag>, own: &str) -> Result<(), String> {
    match tag {
        None => Ok(()),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == own => Ok(()),
        Some(tag) if tag.is_yaml_core_schema() => {
            Err(format!("the YAML tag !!{}: leave it out", tag.suffix))
        }
        Some(tag) => {
            let text = format!("{}{}", tag.handle, tag.suffix);
            Err(format!(
                "{text} is a YAML tag, not text: write \"{text}\" in quotes"
            ))
        }
    }
}

fn place_of(marker: saphyr_parser::Marker) -> Place {
    Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// What YAML allows nowhere, not even in quotes.
fn unprintable(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}
