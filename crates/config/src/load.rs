//! Loading: files to documents, documents to a configuration, whole or not at all.

use crate::check as judge;
use crate::document::{Cx, Document, Files, Item, Place};
use crate::form::Form;
use crate::form::compound::patterns;
use crate::model::Config;
use crate::profile;
use crate::report::{Fault, Report, quote};
use crate::section::Table;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest file, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
/// The most files that includes may bring in.
const MOST_FILES: usize = 1_000;
/// Syntax errors that are told per file: what follows the first ones is often their echo.
const SYNTAX_ERRORS: usize = 20;

/// The document that runs without a file: loopback only, a customer and two carriers on this machine.
pub fn defaults() -> &'static str {
    include_str!("defaults.toml")
}

/// Loads the file at `path` and its includes. The error holds everything that is wrong with them.
pub fn load(path: &Path, files: &mut dyn Files) -> Result<Config, Report> {
    let (config, report) = check(path, files);
    config.ok_or(report)
}

/// As [`load`], and gives the warnings also when the file is accepted.
pub fn check(path: &Path, files: &mut dyn Files) -> (Option<Config>, Report) {
    let sources = Sources::read(path, files);
    build(sources, files)
}

/// Loads one document without files: includes and secrets in files or the environment are refused. Relative paths
/// stay relative to the working directory. `name` stands in for the file's in messages.
pub fn parse(text: &str, name: &str) -> Result<Config, Report> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let main = Document {
        name: name.to_owned(),
        dir: PathBuf::new(),
        text,
        whole: true,
        profile: None,
    };
    let mut sources = Sources {
        docs: vec![main],
        faults: Vec::new(),
    };
    let mut files = NoFiles;
    sources.include(Path::new(name), &mut files);
    let (config, report) = build(sources, &mut files);
    config.ok_or(report)
}

/// What [`parse`] has instead of files.
struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _path: &Path) -> Result<Vec<u8>, String> {
        Err("this document has no files beside it".to_owned())
    }
    fn glob(&mut self, _dir: &Path, _pattern: &str) -> Result<Vec<PathBuf>, String> {
        Err("this document has no files beside it".to_owned())
    }
    fn env(&mut self, _name: &str) -> Option<String> {
        None
    }
}

impl Document {
    /// Reads a file. What is wrong with it is said at a byte offset in as much text as it has.
    fn read(path: &Path, files: &mut dyn Files) -> (Self, Option<(usize, Fault)>) {
        let (text, fault) = match files.read(path) {
            Ok(bytes) if bytes.len() > LONGEST => {
                let fault = Fault::new(format!("is {} bytes long", bytes.len()));
                (
                    String::new(),
                    Some((0, fault.expected(format!("at most {LONGEST}")))),
                )
            }
            Ok(bytes) => text_of(bytes),
            Err(why) => (
                String::new(),
                Some((0, Fault::new(format!("cannot be read: {why}")))),
            ),
        };
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        (
            Self {
                name: path.display().to_string(),
                dir,
                text,
                whole: fault.is_none(),
                profile: None,
            },
            fault,
        )
    }
}

/// The text without a byte order mark, as far as it is UTF-8.
fn text_of(bytes: Vec<u8>) -> (String, Option<(usize, Fault)>) {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let end = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(end);
            let fault = Fault::new("is not UTF-8 from here on").expected("a text file in UTF-8");
            (String::from_utf8(bytes).unwrap_or_default(), Some((end, fault)))
        }
    }
}

/// The documents of one load, the main one first, and what is wrong with the files themselves.
pub(crate) struct Sources {
    pub(crate) docs: Vec<Document>,
    pub(crate) faults: Vec<(Place, Fault)>,
}

impl Sources {
    /// Reads the file at `path` and those that it includes.
    pub(crate) fn read(path: &Path, files: &mut dyn Files) -> Self {
        let (main, fault) = Document::read(path, files);
        let fault = fault.map(|(offset, fault)| (Place { doc: 0, offset }, fault));
        let mut sources = Self {
            docs: vec![main],
            faults: fault.into_iter().collect(),
        };
        sources.include(path, files);
        sources
    }

    /// Reads the files that the main document includes.
    fn include(&mut self, main: &Path, files: &mut dyn Files) {
        for (offset, pattern) in self.docs.first().map(included).unwrap_or_default() {
            let place = Place { doc: 0, offset };
            let dir = main.parent().unwrap_or(Path::new(""));
            let mut found = match files.glob(dir, &pattern) {
                Ok(found) => found,
                Err(why) => {
                    let fault = Fault::new(format!("{} cannot be included: {why}", quote(&pattern)));
                    self.faults.push((place, fault));
                    continue;
                }
            };
            if found.is_empty() && !pattern.contains(['*', '?', '[']) {
                let fault = Fault::new(format!("there is no file {}", quote(&pattern)));
                self.faults
                    .push((place, fault.expected("a file, or a pattern with *")));
            }
            found.sort();
            for path in found {
                self.add(main, &path, place, files);
            }
        }
    }

    fn add(&mut self, main: &Path, path: &Path, place: Place, files: &mut dyn Files) {
        let name = path.display().to_string();
        if path == main || self.docs.iter().any(|doc| doc.name == name) {
            return;
        }
        if self.docs.len() > MOST_FILES {
            if self.docs.len() == MOST_FILES + 1 {
                let fault = Fault::new("brings in too many files").expected(format!("at most {MOST_FILES}"));
                self.faults.push((place, fault));
            }
            return;
        }
        let (doc, fault) = Document::read(path, files);
        let index = self.docs.len();
        self.docs.push(doc);
        self.faults
            .extend(fault.map(|(offset, fault)| (Place { doc: index, offset }, fault)));
    }
}

/// The patterns of a document's `include`, each with its offset, as far as the document can be read.
fn included(doc: &Document) -> Vec<(usize, String)> {
    let Ok(tree) = DeTable::parse(&doc.text) else {
        return Vec::new();
    };
    let Some(value) = tree.get_ref().get("include") else {
        return Vec::new();
    };
    let offsets = value
        .get_ref()
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry.span().start);
    offsets.zip(patterns(value).unwrap_or_default()).collect()
}

fn build(sources: Sources, files: &mut dyn Files) -> (Option<Config>, Report) {
    let Sources { mut docs, faults } = sources;
    profile::add_builtin(&mut docs);
    let (mut trees, mut broken) = (Vec::new(), Vec::new());
    for (index, doc) in docs.iter().enumerate().filter(|(_, doc)| doc.whole) {
        match DeTable::parse_recoverable(&doc.text) {
            (tree, errors) if errors.is_empty() => {
                let (span, table) = (tree.span(), tree.into_inner());
                trees.push((index, Spanned::new(span, DeValue::Table(table))));
            }
            (_, errors) => broken.push((index, errors)),
        }
    }
    let profiles = profile::find(&docs, &trees);
    trees.retain(|(index, _)| docs.get(*index).is_some_and(|doc| doc.profile.is_none()));
    let mut cx = Cx::new(&docs, files);
    for profile in &profiles {
        cx.profiles.insert(profile.name.clone(), profile.item());
    }
    for (index, errors) in broken {
        if let Some(doc) = docs.get(index) {
            syntax(&mut cx, index, doc, &errors);
        }
    }
    for (place, fault) in faults {
        cx.refuse(place, "", fault);
    }
    // What hangs together is judged only when every file could be read: half of it would accuse the wrong half.
    let whole = !cx.has_errors();
    let items: Vec<Item<'_>> = trees.iter().map(|(doc, value)| Item::new(*doc, value)).collect();
    let config = Table::<Config>::read_all(&mut cx, "", &items);
    let config = if whole {
        config.map(|config| judge::complete(config, &mut cx))
    } else {
        None
    };
    let report = cx.report();
    (config.filter(|_| report.errors.is_empty()), report)
}

/// Reports what the TOML parser found, one error per line at most.
fn syntax(cx: &mut Cx<'_>, index: usize, doc: &Document, errors: &[toml::de::Error]) {
    let mut last_line = None;
    let mut told = 0;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = doc
            .text
            .get(..span.start)
            .map(|before| before.matches('\n').count());
        if line == last_line || told == SYNTAX_ERRORS {
            continue;
        }
        last_line = line;
        told += 1;
        let message = error.message();
        let (wrong, expected) = match message.split_once(", expected ") {
            Some((wrong, expected)) => (wrong, Some(expected.to_owned())),
            None => (message, None),
        };
        let fault = match (wrong, doc.text.get(span.clone())) {
            ("duplicate key", Some(key)) => {
                Fault::new(format!("the key {key} is set a second time")).expected("it in one place")
            }
            _ => Fault {
                wrong: format!("TOML: {wrong}"),
                expected,
                suggestion: None,
            },
        };
        cx.refuse(
            Place {
                doc: index,
                offset: span.start,
            },
            "",
            fault,
        );
    }
}

/// Whether a file's name fits a pattern of [`Files::glob`]: `*` stands for any characters, `?` for one, `[a-z]` for
/// one of a set; none of them for a slash, nor for the dot that a hidden file or folder begins with. For implementations of `glob`.
pub fn wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut pos) = (0, 0);
    // Where to go back to: behind the last star, and one character further in the name each time.
    let mut star: Option<(usize, usize)> = None;
    let hidden = |pos: usize| name.get(pos) == Some(&'.') && (pos == 0 || name.get(pos - 1) == Some(&'/'));
    while let Some(&letter) = name.get(pos) {
        let next = match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, pos));
                at += 1;
                continue;
            }
            Some('[') if !hidden(pos) => {
                set(pattern.get(at + 1..).unwrap_or(&[]), letter).map(|length| at + 1 + length)
            }
            Some('?') if letter != '/' && !hidden(pos) => Some(at + 1),
            Some(&other) if other == letter => Some(at + 1),
            Some(_) | None => None,
        };
        match (next, star) {
            (Some(next), _) => (at, pos) = (next, pos + 1),
            (None, Some((behind, taken))) if name.get(taken) != Some(&'/') && !hidden(taken) => {
                star = Some((behind, taken + 1));
                (at, pos) = (behind, taken + 1);
            }
            (None, _) => return false,
        }
    }
    pattern.get(at..).unwrap_or(&[]).iter().all(|rest| *rest == '*')
}

/// If `letter` is in the set that `pattern` begins with (behind its `[`): how long the set is, with its `]`.
fn set(pattern: &[char], letter: char) -> Option<usize> {
    let end = pattern.iter().position(|&member| member == ']')?;
    let members = pattern.get(..end)?;
    let ranges = members
        .windows(3)
        .any(|w| matches!(w, [low, '-', high] if (*low..=*high).contains(&letter)));
    (letter != '/' && (ranges || members.contains(&letter))).then_some(end + 1)
}
