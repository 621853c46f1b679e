//! The one value type that crosses every boundary: JSON without its text.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A JSON value. Numbers are `f64`, as in the page.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`, and what JavaScript calls `undefined`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number; what is not finite becomes `Null` at the edge, as `JSON.stringify` does.
    Number(f64),
    /// Text.
    String(String),
    /// An array.
    List(Vec<Value>),
    /// An object.
    Map(Map),
}

impl Value {
    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The number, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(flag) = self { Some(*flag) } else { None }
    }

    /// The elements, if this is an array.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Value::List(list) = self { Some(list) } else { None }
    }

    /// The object, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = self { Some(map) } else { None }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// How many arrays and objects stand inside one another: 0 for a scalar, 1 for `{}`.
    pub fn depth(&self) -> usize {
        let mut inside = 0;
        match self {
            Value::List(list) => {
                for value in list {
                    inside = value.depth().max(inside);
                }
            }
            Value::Map(map) => {
                for (_, value) in map.iter() {
                    inside = value.depth().max(inside);
                }
            }
            _ => return 0,
        }
        inside + 1
    }

    /// Feeds a form of the value to `sink` that is the same for equal values, whatever the order of keys and the
    /// white space they arrived with: a tag, a length where there is one, the content.
    pub fn digest(&self, sink: &mut dyn FnMut(&[u8])) {
        match self {
            Value::Null => sink(b"0"),
            Value::Bool(false) => sink(b"f"),
            Value::Bool(true) => sink(b"t"),
            Value::Number(number) => {
                sink(b"n");
                // Adding zero turns -0 into 0: JSON text keeps the two apart, no reader does.
                sink(&(number + 0.0).to_le_bytes());
            }
            Value::String(text) => {
                sink(b"s");
                sink(&(text.len() as u64).to_le_bytes());
                sink(text.as_bytes());
            }
            Value::List(list) => {
                sink(b"l");
                sink(&(list.len() as u64).to_le_bytes());
                for value in list {
                    value.digest(sink);
                }
            }
            Value::Map(map) => {
                sink(b"m");
                sink(&(map.len() as u64).to_le_bytes());
                for (key, value) in map.iter() {
                    sink(&(key.len() as u64).to_le_bytes());
                    sink(key.as_bytes());
                    value.digest(sink);
                }
            }
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        if number.is_finite() { Value::Number(number) } else { Value::Null }
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number as f64)
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Number(f64::from(number))
    }
}
impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Value::Number(number as f64)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}
impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Value::List(list.into_iter().map(Into::into).collect())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// An object: pairs kept sorted by key, so that equal objects are equal whatever order they came in, and a look-up
/// is a binary search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map(Vec<(String, Value)>);

/// So many pairs are sorted by putting one after the other in its place.
const FEW: usize = 32;

impl Map {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// An object from pairs in any order; of a repeated key the last one counts, as in `JSON.parse`.
    ///
    /// Sorting once keeps a hostile object of a hundred thousand keys cheap.
    pub fn from_pairs(mut pairs: Vec<(String, Value)>) -> Self {
        // In the page nobody sends objects of thousands of keys but the page itself.
        if cfg!(feature = "wire") && pairs.len() > FEW {
            // Halves that are objects already go together in one pass.
            let later = Map::from_pairs(pairs.split_off(pairs.len() / 2));
            return Map::from_pairs(pairs).merged(later);
        }
        let mut map = Map(Vec::with_capacity(pairs.len()));
        for (key, value) in pairs {
            map.put(key, value);
        }
        map
    }

    fn merged(mut self, mut later: Map) -> Map {
        let mut all = Vec::with_capacity(self.0.len() + later.0.len());
        let (mut mine, mut its) = (0, 0);
        loop {
            let next = match (self.0.get_mut(mine), later.0.get_mut(its)) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    mine += 1;
                    continue;
                }
                (Some(a), b) if b.as_ref().is_none_or(|b| a.0 < b.0) => {
                    mine += 1;
                    a
                }
                (_, Some(b)) => {
                    its += 1;
                    b
                }
                _ => return Map(all),
            };
            all.push(core::mem::take(next));
        }
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        // Most objects are built in order; looking at the end first makes that linear.
        match self.0.last().map(|(last, _)| last.as_str().cmp(key)) {
            None | Some(Ordering::Less) => Err(self.0.len()),
            _ => self.0.binary_search_by(|(have, _)| have.as_str().cmp(key)),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// The value under `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.find(key).ok().and_then(|at| self.0.get_mut(at)).map(|(_, value)| value)
    }

    /// The text under `key`, if there is one.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// The number under `key`, if there is one.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(Value::as_f64)
    }

    /// Puts a value under `key`, in place of an earlier one.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.put(key.to_owned(), value.into());
    }

    /// [`Map::set`] for a key that is there already.
    pub fn put(&mut self, key: String, value: Value) {
        match self.find(&key) {
            Ok(at) => {
                if let Some(pair) = self.0.get_mut(at) {
                    pair.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// [`Map::set`], unless the value is `null`.
    pub fn set_some(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.set(key, value);
        }
    }

    /// [`Map::set`], for building in one expression.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The pairs, sorted by key, with values that can be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    /// The pairs themselves, sorted by key.
    pub fn into_pairs(self) -> Vec<(String, Value)> {
        self.0
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(feature = "serde")]
mod json {
    use super::{Map, Value};
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::fmt;
    use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
    use serde::ser::{Serialize, SerializeMap, Serializer};

    impl Serialize for Value {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Value::Null => serializer.serialize_unit(),
                Value::Bool(flag) => serializer.serialize_bool(*flag),
                // Whole numbers without a fraction, as JavaScript and RFC 8785 write them.
                Value::Number(number) if crate::number::is_whole(*number) => serializer.serialize_i64(*number as i64),
                Value::Number(number) => serializer.serialize_f64(*number),
                Value::String(text) => serializer.serialize_str(text),
                Value::List(list) => serializer.collect_seq(list),
                Value::Map(map) => map.serialize(serializer),
            }
        }
    }

    impl Serialize for Map {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut out = serializer.serialize_map(Some(self.len()))?;
            for (key, value) in self.iter() {
                out.serialize_entry(key, value)?;
            }
            out.end()
        }
    }

    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Value;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a JSON value")
        }
        fn visit_unit<E: Error>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }
        fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
            Ok(Value::Bool(flag))
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
            Ok(Value::from(number))
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
            Ok(Value::Number(number as f64))
        }
        fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
            Ok(Value::from(number))
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
            Ok(Value::from(text))
        }
        fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
            Ok(Value::String(text))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
            let mut list = Vec::new();
            while let Some(value) = seq.next_element()? {
                list.push(value);
            }
            Ok(Value::List(list))
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(Value::Map(Map::from_pairs(pairs)))
        }
    }

    impl<'de> Deserialize<'de> for Value {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Reader)
        }
    }

    impl<'de> Deserialize<'de> for Map {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            match Value::deserialize(deserializer)? {
                Value::Map(map) => Ok(map),
                _ => Err(D::Error::custom("expected an object")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let map = Map::from_pairs(vec![("b".into(), 1.0.into()), ("a".into(), 2.0.into()), ("b".into(), 3.0.into())]);
        assert_eq!(map, Map::new().with("a", 2.0).with("b", 3.0));
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_keys() {
        let digest = |text: &str| {
            let mut out = Vec::new();
            serde_json::from_str::<Value>(text).unwrap().digest(&mut |bytes| out.extend_from_slice(bytes));
            out
        };
        assert_eq!(digest(r#"{"a":[1,{"c":null,"b":-0.0}]}"#), digest(r#"{ "a": [1.0, {"b": 0, "c": null}] }"#));
        assert_ne!(digest(r#"["a","b"]"#), digest(r#"["ab",""]"#));
        assert_ne!(digest("1"), digest("true"));
    }
}
