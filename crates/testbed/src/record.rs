//! A call record as `tandem records --json` prints it.

use serde_json::Value;

/// One record; fields are read by name, dots go into objects and arrays: `attempts.0.trunk`.
#[derive(Debug, Clone)]
pub struct Record(pub Value);

impl Record {
    fn at(&self, path: &str) -> &Value {
        path.split('.')
            .fold(&self.0, |value, key| match key.parse::<usize>() {
                Ok(index) => value.get(index).unwrap_or(&Value::Null),
                Err(_) => value.get(key).unwrap_or(&Value::Null),
            })
    }

    /// A text field.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        self.at(path)
            .as_str()
            .unwrap_or_else(|| panic!("no text at {path} in {}", self.0))
    }

    /// A number field.
    #[must_use]
    pub fn number(&self, path: &str) -> u64 {
        self.at(path)
            .as_u64()
            .unwrap_or_else(|| panic!("no number at {path} in {}", self.0))
    }

    /// How many elements an array field has.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.at(path)
            .as_array()
            .unwrap_or_else(|| panic!("no array at {path} in {}", self.0))
            .len()
    }

    /// Whether the field is there and not null.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        !self.at(path).is_null()
    }

    /// Whether this is the last word on its call.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.text("state") == "final"
    }
}
