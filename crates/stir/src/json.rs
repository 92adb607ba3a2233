//! Deterministic JSON (RFC 8225 §9): no blanks, keys in the order of their code points, the same all the way down.

use serde_json::Value;

/// Writes `value` in the one form that it is signed in.
pub(crate) fn deterministic(value: &Value) -> String {
    let mut out = String::with_capacity(256);
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string())
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            // Sorted here, whatever order a map keeps in this build. UTF-8 sorts as its code points do.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(out, item);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8225 §9.1 (the closing bracket that its example lacks put in).
    #[test]
    fn the_example_of_the_standard() {
        let value: Value = serde_json::from_str(
            r#"{ "dest": {"uri": ["sip:alice@example.com"]}, "orig": {"tn": "12155551212"}, "iat": 1443208345,
                 "mky": [ {"dig": "021A", "alg": "sha-256"} ] }"#,
        )
        .unwrap();
        assert_eq!(
            deterministic(&value),
            r#"{"dest":{"uri":["sip:alice@example.com"]},"iat":1443208345,"mky":[{"alg":"sha-256","dig":"021A"}],"orig":{"tn":"12155551212"}}"#
        );
    }
}
