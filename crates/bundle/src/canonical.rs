//! One encoding per value: JSON with sorted keys, no white space and no fractions, so that a digest of the bytes
//! is a digest of the value. (RFC 8785 without its number formatting, which we avoid by having integers only.)

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::Digest;

/// A value that has no canonical encoding.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value does not fit JSON (a map key that is no string, for example).
    #[error("the document cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
    /// A number with a fraction, whose text would depend on the writer.
    #[error("the document holds {0}, and canonical documents hold integers only")]
    Fraction(serde_json::Number),
}

/// The canonical bytes of `value`, without a line end.
pub fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write(&serde_json::to_value(value)?, &mut out)?;
    Ok(out)
}

/// The digest of the canonical bytes of `value`.
pub fn digest(value: &impl Serialize) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(&to_bytes(value)?))
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) if number.is_f64() => {
            return Err(CanonicalError::Fraction(number.clone()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            serde_json::to_writer(out, value)?;
        }
        Value::Array(items) => write_array(items, out)?,
        Value::Object(map) => {
            // Sorted here and not by trusting `serde_json::Map`: a feature of some other crate may keep
            // insertion order for the whole build.
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            write_object(&sorted, out)?;
        }
    }
    Ok(())
}

fn write_array(items: &[Value], out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(map: &BTreeMap<&String, &Value>, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    out.push(b'{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, key)?;
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth_and_nothing_is_spaced() {
        let value = json!({"b": [1, {"z": null, "a": true}], "a": "ä\n"});
        assert_eq!(
            to_bytes(&value).unwrap(),
            "{\"a\":\"ä\\n\",\"b\":[1,{\"a\":true,\"z\":null}]}".as_bytes()
        );
    }

    #[test]
    fn a_fraction_is_refused_by_name() {
        let error = to_bytes(&json!({"weight": 0.5})).unwrap_err();
        assert!(error.to_string().contains("0.5"), "{error}");
    }

    proptest! {
        #[test]
        fn canonical_bytes_survive_a_round_trip(map in proptest::collection::btree_map(".{0,12}", any::<i64>(), 0..12)) {
            let bytes = to_bytes(&map).unwrap();
            let back: BTreeMap<String, i64> = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&back, &map);
            prop_assert_eq!(to_bytes(&back).unwrap(), bytes);
        }
    }
}
