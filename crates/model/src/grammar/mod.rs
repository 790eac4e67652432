//! The grammar: one table of keys that the parser, did-you-mean, the JSON Schema and the reference page all read.
//!
//! To add a key: a line in the noun's file under `tables/`, and a field of the same name in [`crate::app`]. A test
//! fails when one of the two is missing.

mod form;
// A key a line, however long: it is read as a table, and a diff of it shows keys.
#[rustfmt::skip]
pub(crate) mod tables;

pub use form::Form;

/// A table of the file: which keys it may have.
#[derive(Debug)]
pub struct Table {
    /// What it is, in one or two sentences.
    pub doc: &'static str,
    /// Its keys, in the order in which people think of them.
    pub keys: &'static [Key],
}

impl Table {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What stands when it is left out.
    pub fill: Fill,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// What stands for a key that is left out.
#[derive(Debug, Clone, Copy)]
pub enum Fill {
    /// Nothing: it has to be there.
    Required,
    /// Nothing: absence says something.
    Absent,
    /// This value, as TOML.
    Value(&'static str),
    /// An empty table, list or map; a table is then filled by its own keys.
    Empty,
    /// The value of another key of the same table.
    Same(&'static str),
    /// What the words say; computed in `derived`.
    Derived(&'static str),
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text of some form, quantities with units among them.
    Text(Form),
    /// A quantity between two others, both included.
    Between(Form, &'static str, &'static str),
    /// `true` or `false`.
    Bool,
    /// A whole number between two others, both included.
    Int(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any number of values.
    List(&'static Kind),
    /// At least one value.
    Some(&'static Kind),
    /// A program and its arguments.
    Command,
    /// A program and its arguments, or an empty list for none.
    MaybeCommand,
    /// Commands one after the other; a single one may stand for a list of one.
    Commands,
    /// A whole number, or the word `auto`.
    Pool,
    /// Names of this form, each with a value.
    Map(Form, &'static Kind),
    /// A table.
    Table(&'static Table),
    /// Names of this form, each with a table.
    Named(Form, &'static Table),
    /// One of several tables: the one whose first key is there.
    OneOf(&'static [&'static Table]),
}

/// A line of the table.
pub(crate) const fn key(name: &'static str, kind: Kind, fill: Fill, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        fill,
        doc,
    }
}

/// The whole file.
pub fn root() -> &'static Table {
    &tables::ROOT
}
