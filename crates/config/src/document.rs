//! Documents, places in them, and the context that every reader writes its findings into.

use crate::report::{Fault, Problem, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What loading needs from outside. The caller implements it, so that this crate touches nothing itself.
pub trait Files {
    /// The bytes of a file, or why it cannot be read.
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String>;
    /// The files that match `pattern` (`*`, `?`, `[…]`; a plain name too), relative to `dir`, in any order;
    /// none is not an error.
    fn glob(&mut self, dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String>;
    /// The value of an environment variable.
    fn env(&mut self, name: &str) -> Option<String>;
}

/// One TOML file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) name: String,
    /// Relative paths in the document start here.
    pub(crate) dir: PathBuf,
    /// Without a byte order mark.
    pub(crate) text: String,
    /// False: it could not be read, and the text is what there is of it.
    pub(crate) whole: bool,
    /// It's the text of the profile with this name, which comes with Tandem.
    pub(crate) profile: Option<&'static str>,
}

impl Document {
    /// Line and column of a byte offset, both from 1, the column in characters.
    fn position(&self, offset: usize) -> (u32, u32) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }
}

/// A byte offset in one of the documents, by its index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Place {
    pub(crate) doc: usize,
    pub(crate) offset: usize,
}

/// A TOML value and the document it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Item<'d> {
    pub(crate) doc: usize,
    pub(crate) value: &'d toml::Spanned<toml::de::DeValue<'d>>,
    /// It comes from a profile, and holds where nothing else is written.
    pub(crate) profile: bool,
}

impl<'d> Item<'d> {
    pub(crate) fn new(doc: usize, value: &'d toml::Spanned<toml::de::DeValue<'d>>) -> Self {
        let profile = false;
        Self { doc, value, profile }
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            doc: self.doc,
            offset: self.value.span().start,
        }
    }
}

/// Errors that are kept (and warnings, as many): who has more has another kind of file.
const MOST: usize = 200;

/// What is known while the documents are read: where every written key stands, and what is wrong so far.
pub(crate) struct Cx<'c> {
    pub(crate) docs: &'c [Document],
    pub(crate) files: &'c mut dyn Files,
    /// Where each key that was written stands, by its path.
    places: BTreeMap<String, Place>,
    /// Keys whose value was refused: what hangs on them is not judged.
    bad: BTreeSet<String>,
    /// The labels (names, patterns) in each list of tables, also of tables that were refused.
    labels: BTreeMap<String, BTreeMap<String, Place>>,
    /// The paths of the entries of each list of tables that were taken, in order.
    entries: BTreeMap<String, Vec<String>>,
    /// The profiles, by name: their keys.
    pub(crate) profiles: BTreeMap<String, Item<'c>>,
    /// What profiles give to trunks, a line each.
    pub(crate) notes: Vec<String>,
    /// What is missing that most would want.
    pub(crate) advice: Vec<String>,
    /// While a default is read nothing is a written key.
    pub(crate) in_default: bool,
    /// While a profile is read by itself no key of it is missing.
    pub(crate) in_part: bool,
    /// Errors beyond those that are kept.
    more: usize,
    errors: Vec<(Place, Problem)>,
    warnings: Vec<(Place, Problem)>,
}

impl<'c> Cx<'c> {
    pub(crate) fn new(docs: &'c [Document], files: &'c mut dyn Files) -> Self {
        Self {
            docs,
            files,
            places: BTreeMap::new(),
            bad: BTreeSet::new(),
            labels: BTreeMap::new(),
            entries: BTreeMap::new(),
            profiles: BTreeMap::new(),
            notes: Vec::new(),
            advice: Vec::new(),
            in_default: false,
            in_part: false,
            more: 0,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Remembers where a key stands.
    pub(crate) fn wrote(&mut self, path: &str, place: Place) {
        if !self.in_default {
            self.places.insert(path.to_owned(), place);
        }
    }

    /// Where `path`, or what holds it, stands.
    pub(crate) fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or(""),
                None => return Place::default(),
            }
        }
    }

    pub(crate) fn is_written(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// Whether the key's value, or a part of it, was refused.
    pub(crate) fn is_bad(&self, path: &str) -> bool {
        let inside = |bad: &&String| {
            bad.get(path.len()..)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.bad
            .range(path.to_owned()..)
            .take_while(|bad| bad.starts_with(path))
            .any(|bad| inside(&bad))
    }

    /// Whether the key itself was refused, or a key in it that is not known.
    pub(crate) fn refused(&self, path: &str) -> bool {
        self.bad.contains(path)
    }

    /// Remembers the path of an entry of a list of tables that was taken.
    pub(crate) fn took(&mut self, list: &str, entry: String) {
        if !self.in_default {
            self.entries.entry(list.to_owned()).or_default().push(entry);
        }
    }

    /// The path of the entry at `index` among those that were taken.
    pub(crate) fn entry(&self, list: &str, index: usize) -> String {
        let entry = self.entries.get(list).and_then(|entries| entries.get(index));
        entry.cloned().unwrap_or_else(|| list.to_owned())
    }

    /// Takes a label into its list; the place of the first of that name if there is one already.
    pub(crate) fn label(&mut self, list: &str, label: &str, place: Place) -> Option<Place> {
        let labels = self.labels.entry(list.to_owned()).or_default();
        match labels.get(label) {
            Some(first) => Some(*first),
            None => {
                labels.insert(label.to_owned(), place);
                None
            }
        }
    }

    /// The labels of a list.
    pub(crate) fn labels(&self, list: &str) -> impl Iterator<Item = &str> {
        self.labels
            .get(list)
            .into_iter()
            .flat_map(|labels| labels.keys().map(String::as_str))
    }

    /// `file:line` of a place, to refer to from another.
    pub(crate) fn name_of(&self, place: Place) -> String {
        match self.docs.get(place.doc) {
            Some(doc) => format!("{}:{}", doc.name, doc.position(place.offset).0),
            None => String::new(),
        }
    }

    pub(crate) fn refuse(&mut self, place: Place, path: &str, fault: Fault) {
        self.bad.insert(path.to_owned());
        if self.errors.len() >= MOST {
            self.more += 1;
            return;
        }
        let problem = self.problem(place, path, fault);
        // What is wrong with a profile is so for every trunk that takes it.
        let said = |(there, other): &(Place, Problem)| *there == place && other.wrong == problem.wrong;
        if !self.errors.iter().any(said) {
            self.errors.push((place, problem));
        }
    }

    pub(crate) fn warn(&mut self, place: Place, path: &str, fault: Fault) {
        if self.warnings.len() >= MOST {
            return;
        }
        let problem = self.problem(place, path, fault);
        self.warnings.push((place, problem));
    }

    fn problem(&self, place: Place, path: &str, fault: Fault) -> Problem {
        let doc = self.docs.get(place.doc);
        let (line, column) = doc.map_or((0, 0), |doc| doc.position(place.offset));
        Problem {
            file: doc.map(|doc| doc.name.clone()).unwrap_or_default(),
            line,
            column,
            key: path.to_owned(),
            wrong: fault.wrong,
            expected: fault.expected,
            suggestion: fault.suggestion,
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    pub(crate) fn report(mut self) -> Report {
        self.errors.sort_by_key(|(place, _)| *place);
        if let Some((place, _)) = self.errors.last().filter(|_| self.more > 0) {
            let fault = Fault::new(format!("and {} more errors", self.more));
            self.errors.push((*place, self.problem(*place, "", fault)));
        }
        self.warnings.sort_by_key(|(place, _)| *place);
        let problems = |list: Vec<(Place, Problem)>| list.into_iter().map(|(_, problem)| problem).collect();
        Report {
            errors: problems(self.errors),
            warnings: problems(self.warnings),
            notes: self.notes,
            advice: self.advice,
        }
    }
}
