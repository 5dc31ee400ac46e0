//! A document as GetKeyPolicy prints it (behaviours 4.7): elements in one order, lists of one as scalars, two spaces of
//! indentation, `"Key" : value`, and lists that open and close on the line of their neighbours.

use std::fmt::Write as _;

use crate::policy::model::{
    ConditionText, Document, Effect, Element, PrincipalKind, PrincipalText, Statement, Version,
};

impl Document {
    /// The canonical text. It parses to an equal document, but for what means the same in two forms.
    pub fn canonical_text(&self) -> String {
        let mut printer = Printer { out: String::new(), depth: 0, is_first: true };
        printer.object(|p| {
            if let Some(version) = self.version {
                p.member("Version", |p| p.text(version_text(version)));
            }
            if let Some(id) = &self.id {
                p.member("Id", |p| p.text(id));
            }
            p.member("Statement", |p| p.statements(&self.statements));
        });
        printer.out
    }
}

fn version_text(version: Version) -> &'static str {
    match version {
        Version::V2008 => "2008-10-17",
        Version::V2012 => "2012-10-17",
    }
}

struct Printer {
    out: String,
    depth: usize,
    /// Whether the next member is the first of its object.
    is_first: bool,
}

impl Printer {
    fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.out.push('{');
        self.depth += 1;
        self.is_first = true;
        members(self);
        self.depth -= 1;
        if self.is_first {
            self.out.push(' ');
        } else {
            self.new_line();
        }
        self.out.push('}');
        self.is_first = false;
    }

    fn member(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        if !self.is_first {
            self.out.push(',');
        }
        self.is_first = false;
        self.new_line();
        self.text(name);
        self.out.push_str(" : ");
        value(self);
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.out.push_str("[ ");
        for (at, one) in items.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            item(self, one);
        }
        self.out.push_str(if items.is_empty() { "]" } else { " ]" });
    }

    /// A list of one is printed as its only item.
    fn texts<T: AsRef<str>>(&mut self, texts: &[T]) {
        match texts {
            [single] => self.text(single.as_ref()),
            several => self.list(several, |p, text| p.text(text.as_ref())),
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                // Escaped, so that the text stays within the characters that policies may have.
                '\0'..='\x1f' | '\u{100}'.. => self.escaped(c),
                plain => self.out.push(plain),
            }
        }
        self.out.push('"');
    }

    fn escaped(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` cannot fail.
            let _ = write!(self.out, "\\u{unit:04x}");
        }
    }

    fn statements(&mut self, statements: &[Statement]) {
        self.list(statements, |p, statement| p.object(|p| p.statement(statement)));
    }

    fn statement(&mut self, statement: &Statement) {
        if let Some(sid) = &statement.sid {
            self.member("Sid", |p| p.text(sid));
        }
        let effect = match statement.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        self.member("Effect", |p| p.text(effect));
        self.element("Principal", "NotPrincipal", statement.principals.as_ref(), |p, listed| p.principals(listed));
        self.element("Action", "NotAction", statement.actions.as_ref(), |p, listed| p.texts(listed));
        self.element("Resource", "NotResource", statement.resources.as_ref(), |p, listed| p.texts(listed));
        if !statement.conditions.is_empty() {
            self.member("Condition", |p| p.object(|p| p.conditions(&statement.conditions)));
        }
    }

    fn element<T>(
        &mut self,
        name: &str,
        negation: &str,
        element: Option<&Element<T>>,
        value: impl FnOnce(&mut Self, &T),
    ) {
        match element {
            Some(Element::Is(listed)) => self.member(name, |p| value(p, listed)),
            Some(Element::IsNot(listed)) => self.member(negation, |p| value(p, listed)),
            None => {}
        }
    }

    fn principals(&mut self, listed: &[PrincipalText]) {
        self.object(|p| {
            for kind in PrincipalKind::ALL {
                let names: Vec<&str> = listed.iter().filter(|own| own.kind == *kind).map(|own| &*own.name).collect();
                if !names.is_empty() {
                    p.member(kind.as_str(), |p| p.texts(&names));
                }
            }
        });
    }

    /// Conditions with the same operator stand together already: a document cannot repeat an operator.
    fn conditions(&mut self, conditions: &[ConditionText]) {
        for group in conditions.chunk_by(|a, b| a.operator_name == b.operator_name) {
            let [first, ..] = group else { continue };
            self.member(&first.operator_name, |p| {
                p.object(|p| {
                    for condition in group {
                        p.member(&condition.key, |p| p.texts(&condition.values));
                    }
                });
            });
        }
    }
}
