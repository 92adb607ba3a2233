//! Secrets: in the document, in a file, or in the environment. No message here repeats what was written.

use super::{Form, wrong_type};
use crate::document::{Cx, Item};
use crate::report::Fault;
use crate::values::Secret;
use serde_json::{Value as Json, json};

/// The longest secret, in bytes: a file of another kind named by mistake is not taken for one.
const LONGEST: usize = 4096;

/// `"text"`, `{ file = "path" }` or `{ env = "NAME" }`.
pub(crate) struct SecretForm;

impl Form for SecretForm {
    type Out = Secret;
    fn expected() -> String {
        "\"text\", { file = \"path\" } or { env = \"NAME\" }".to_owned()
    }
    fn schema() -> Json {
        let one = |key: &str| {
            json!({
                "type": "object", "additionalProperties": false,
                "properties": { key: { "type": "string", "minLength": 1 } }, "required": [key],
            })
        };
        json!({ "oneOf": [{ "type": "string", "minLength": 1 }, one("file"), one("env")] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Secret> {
        let read = read(cx, item).and_then(|text| {
            let fits = (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
            if fits {
                Ok(text)
            } else {
                Err(Fault::new("the secret is empty, too long or not one line"))
            }
        });
        match read {
            Ok(text) => Some(Secret::from(text)),
            Err(mut fault) => {
                fault.expected.get_or_insert_with(Self::expected);
                cx.refuse(item.place(), path, fault);
                None
            }
        }
    }
    fn show(value: &Secret) -> Option<toml::Value> {
        Some(toml::Value::String(value.to_string()))
    }
}

fn read(cx: &mut Cx<'_>, item: Item<'_>) -> Result<String, Fault> {
    let value = item.value.get_ref();
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let table = value
        .as_table()
        .ok_or_else(|| wrong_type(item, SecretForm::expected()))?;
    let mut keys = table.iter();
    let (Some((key, place)), None) = (keys.next(), keys.next()) else {
        return Err(Fault::new("is not one of the three ways to give a secret"));
    };
    match (key.get_ref().as_ref(), place.get_ref().as_str()) {
        ("file", Some(name)) => {
            let file = cx
                .docs
                .get(item.doc)
                .map_or_else(|| name.into(), |doc| doc.dir.join(name));
            let shown = file.display();
            let bytes = cx
                .files
                .read(&file)
                .map_err(|why| Fault::new(format!("the file {shown} cannot be read: {why}")))?;
            let text = String::from_utf8(bytes).map_err(|_| Fault::new(format!("{shown} is not UTF-8")))?;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        }
        ("env", Some(name)) => {
            let not_set = || Fault::new(format!("the environment variable {name} is not set"));
            cx.files.env(name).ok_or_else(not_set)
        }
        _ => Err(Fault::new("is not one of the three ways to give a secret")),
    }
}
