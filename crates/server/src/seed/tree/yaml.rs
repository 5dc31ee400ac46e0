//! YAML as a tree: one document, without anchors, aliases and tags.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use zeroize::Zeroizing;

use super::{BadFile, DEPTH_MAX, Entry, Node, Value, add};

/// Reads a YAML file.
pub(in super::super) fn parse_yaml(text: &str) -> Result<Node, BadFile> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let mut document = None;
    loop {
        let (event, span) = reader.next()?;
        let line = span.start.line();
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if document.is_some() => {
                return Err(BadFile::new(line, "a seed is one document: there is a second one"));
            }
            Event::DocumentStart(_) => {
                let (event, span) = reader.next()?;
                document = Some(reader.node(event, span, 0)?);
            }
            Event::StreamEnd => return Ok(document.filter(|node| !matches!(node.value, Value::Null)).unwrap_or(EMPTY)),
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd => return Err(BadFile::new(line, "there is more than one document")),
        }
    }
}

/// A file in which nothing stands.
const EMPTY: Node = Node { line: 1, value: Value::Table(Vec::new()) };

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), BadFile> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(not_yaml(&error)),
            None => Err(BadFile::new(1, "the file ends too early")),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, BadFile> {
        let line = span.start.line();
        if depth > DEPTH_MAX {
            return Err(BadFile::new(line, "a seed does not go so deep"));
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_references(line, anchor, tag.is_some())?;
                scalar(&text, style)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_references(line, anchor, tag.is_some())?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Value::List(items),
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(anchor, tag) => {
                refuse_references(line, anchor, tag.is_some())?;
                self.mapping(depth)?
            }
            Event::Alias(_) => return Err(references(line)),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(BadFile::new(line, "a value is missing")),
        };
        Ok(Node { line, value })
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, BadFile> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let name = match event {
                Event::MappingEnd => return Ok(Value::Table(entries)),
                Event::Scalar(name, _, anchor, tag) => {
                    refuse_references(line, anchor, tag.is_some())?;
                    name.to_string()
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Alias(_)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..) => return Err(BadFile::new(line, "the name of a field is needed")),
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            add(&mut entries, Entry { name, line, node })?;
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match style {
        // YAML 1.2, section 10.3.2.
        ScalarStyle::Plain if matches!(text, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        ScalarStyle::Plain => Value::Plain(Zeroizing::new(text.to_owned())),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Literal | ScalarStyle::Folded => {
            Value::Text(Zeroizing::new(text.to_owned()))
        }
    }
}

fn refuse_references(line: usize, anchor: usize, has_tag: bool) -> Result<(), BadFile> {
    if anchor == 0 && !has_tag { Ok(()) } else { Err(references(line)) }
}

fn references(line: usize) -> BadFile {
    BadFile::new(line, "anchors, aliases and tags are not taken: write the value where it belongs")
}

fn not_yaml(error: &ScanError) -> BadFile {
    BadFile::new(error.marker().line(), error.info())
}
