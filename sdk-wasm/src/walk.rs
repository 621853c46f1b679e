//! The one way across the border: JavaScript's plain values to the engine's `Value` and back, node by node.

use engine::value::{Map, Value};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Deeper nesting reads as `null`: what the page holds may be a circle.
const MAX_DEPTH: usize = 12;

/// A JavaScript value; what JSON cannot say (functions, symbols, `NaN`) reads as `null`.
pub(crate) fn read(value: &JsValue) -> Value {
    node(value, 0)
}

fn node(value: &JsValue, depth: usize) -> Value {
    if let Some(text) = value.as_string() {
        return Value::String(text);
    }
    if let Some(number) = value.as_f64() {
        return Value::from(number);
    }
    if let Some(flag) = value.as_bool() {
        return Value::Bool(flag);
    }
    if depth > MAX_DEPTH || !value.is_object() {
        return Value::Null;
    }
    if Array::is_array(value) {
        let list: &Array = value.unchecked_ref();
        return Value::List(list.iter().map(|value| node(&value, depth + 1)).collect());
    }
    let entries = Object::entries(value.unchecked_ref());
    let pairs = entries.iter().filter_map(|entry| {
        let entry: Array = entry.unchecked_into();
        let value = entry.get(1);
        // A key without a value is no key, as in `JSON.stringify`.
        (!value.is_undefined()).then(|| Some((entry.get(0).as_string()?, node(&value, depth + 1))))?
    });
    Value::Map(Map::from_pairs(pairs.collect()))
}

/// The same value in JavaScript.
pub(crate) fn write(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Bool(flag) => JsValue::from_bool(*flag),
        Value::Number(number) => JsValue::from_f64(*number),
        Value::String(text) => JsValue::from_str(text),
        Value::List(list) => {
            let array = Array::new();
            for value in list {
                array.push(&write(value));
            }
            array.into()
        }
        Value::Map(map) => {
            let object = Object::new();
            for (key, value) in map.iter() {
                // Only setters and frozen objects can refuse, and this one is new.
                let _ = Reflect::set(&object, &JsValue::from_str(key), &write(value));
            }
            object.into()
        }
    }
}
