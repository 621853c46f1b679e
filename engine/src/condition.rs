//! Conditions: Mongo-style documents over facts, with the semantics of GrowthBook's SDK specification 0.8, its
//! JavaScript coercions included. Compiled once into a tree.

use crate::event::decimal;
use crate::facts::get;
use crate::number::{digits, is_whole};
use crate::text::{all, cut, joined, lower, order, trimmed, until};
use crate::value::Value;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Deepest nesting of a condition.
pub const MAX_DEPTH: usize = 8;
/// Most nodes of a condition.
pub const MAX_NODES: usize = 200;

/// A regular expression that was compiled: text in, match out.
pub type Regex = Box<dyn Fn(&str) -> bool + Send + Sync>;
/// What compiles one: pattern and whether case matters not; `None` where the pattern is wrong. The page has none.
pub type Compile<'a> = &'a dyn Fn(&str, bool) -> Option<Regex>;

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// The path inside the document, `$or[1].cart.items.$gte`.
    pub path: String,
    /// What was expected.
    pub detail: String,
}

impl Problem {
    /// A problem from the parts of its path and of its detail; without the feature `wire` there are no words for it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "else the page's module carries the words to a function that drops them")]
    pub(crate) fn new(path: &[&str], detail: &[&str]) -> Problem {
        if cfg!(feature = "wire") { Problem { path: joined(path), detail: joined(detail) } } else { Problem::default() }
    }
}

/// A compiled condition.
pub struct Condition {
    root: Node,
}

enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// The fact under a path satisfies a test.
    Fact(String, Test),
    /// What could not be understood is never true.
    Never,
}

enum Test {
    All(Vec<Test>),
    Not(Box<Test>),
    /// A plain value: equal after JavaScript's conversions.
    Is(Value),
    /// `$eq`: the same type and value.
    Same(Value),
    Compare(&'static [Ordering], Value),
    Version(&'static [Ordering], String),
    Exists(bool),
    In {
        list: Vec<Value>,
        fold: bool,
    },
    InGroup(String),
    Size(Box<Test>),
    Some(Box<Test>),
    SomeDocument(Box<Node>),
    Every {
        list: Vec<Test>,
    },
    /// Like `Is` for text, without case.
    IsFolded(String),
    Type(String),
    Regex(Regex),
    Never,
}

/// Named lists of values that `$inGroup` refers to.
pub type Groups<'a> = &'a dyn Fn(&str) -> Option<&'a [Value]>;

/// No groups.
pub fn no_groups<'a>(_: &str) -> Option<&'a [Value]> {
    None
}

impl Condition {
    /// Compiles a document. What cannot be understood is listed, and is never true in the condition that comes back:
    /// saving one refuses it, a dry-run goes on.
    pub fn parse(value: &Value, compile: Option<Compile<'_>>) -> (Condition, Vec<Problem>) {
        let mut parser = Parser { compile, problems: Vec::new(), path: Vec::new(), depth: 0, nodes: 0 };
        let root = parser.document(value);
        (Condition { root }, parser.problems)
    }

    /// Whether the facts satisfy it.
    pub fn matches(&self, facts: &Value, groups: Groups<'_>) -> bool {
        self.root.matches(facts, groups)
    }
}

/// Whether a document needs regular expressions, which only the collector has.
pub fn needs_regex(value: &Value) -> bool {
    match value {
        Value::List(list) => list.iter().any(needs_regex),
        Value::Map(map) => map
            .iter()
            .any(|(key, value)| matches!(key, "$regex" | "$regexi" | "$notRegex" | "$notRegexi") || needs_regex(value)),
        _ => false,
    }
}

struct Parser<'a> {
    compile: Option<Compile<'a>>,
    problems: Vec<Problem>,
    /// Without the feature `wire` it stays empty.
    path: Vec<String>,
    depth: usize,
    nodes: usize,
}

impl Parser<'_> {
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Problem::new`")]
    fn problem(&mut self, detail: &str) {
        let mut path = String::new();
        if cfg!(feature = "wire") {
            for step in &self.path {
                let dot = if path.is_empty() || step.starts_with('[') { "" } else { "." };
                path.push_str(dot);
                path.push_str(step);
            }
        }
        self.problems.push(Problem::new(&[&path], &[detail]));
    }

    /// Counts a node; false where there are too many or they nest too deep.
    fn enter(&mut self, step: impl FnOnce() -> String) -> bool {
        if cfg!(feature = "wire") {
            self.path.push(step());
        }
        self.depth += 1;
        self.nodes += 1;
        // Every level of the document is at most two steps of the path (an operator and an index).
        let fits = self.nodes <= MAX_NODES && self.depth <= 2 * MAX_DEPTH;
        if !fits && self.problems.len() < 20 {
            self.problem("expected at most 8 levels and 200 parts");
        }
        fits
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.path.pop();
    }

    fn document(&mut self, value: &Value) -> Node {
        let Value::Map(map) = value else {
            self.problem("expected an object");
            return Node::Never;
        };
        let mut all = Vec::with_capacity(map.len());
        for (key, value) in map.iter() {
            let node = if self.enter(|| key.to_owned()) { self.pair(key, value) } else { Node::Never };
            self.leave();
            all.push(node);
        }
        Node::All(all)
    }

    fn pair(&mut self, key: &str, value: &Value) -> Node {
        match key {
            "$and" => Node::All(self.documents(value)),
            "$or" => match self.documents(value) {
                none if none.is_empty() => Node::All(none),
                any => Node::Any(any),
            },
            "$nor" => match self.documents(value) {
                none if none.is_empty() => Node::Not(Box::new(Node::All(none))),
                any => Node::Not(Box::new(Node::Any(any))),
            },
            "$not" => Node::Not(Box::new(self.document(value))),
            _ => {
                // A specified case has an attribute called `$groups`, so a dry-run must take it for one; no fact is called
                // like that, so saving it must not.
                if key.starts_with('$') {
                    self.problem("unknown operator");
                }
                Node::Fact(key.to_owned(), self.test(value))
            }
        }
    }

    fn documents(&mut self, value: &Value) -> Vec<Node> {
        let Value::List(list) = value else {
            self.problem("expected a list");
            return vec![Node::Never];
        };
        let mut nodes = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let fits = self.enter(|| joined(&["[", &digits(index as i64), "]"]));
            nodes.push(if fits { self.document(value) } else { Node::Never });
            self.leave();
        }
        nodes
    }

    fn test(&mut self, value: &Value) -> Test {
        let Some(operators) = operators(value) else { return Test::Is(value.clone()) };
        let mut all = Vec::with_capacity(operators.len());
        for (operator, operand) in operators.iter() {
            let fits = self.enter(|| operator.to_owned());
            let test = if fits { self.operator(operator, operand) } else { Test::Never };
            self.leave();
            all.push(test);
        }
        Test::All(all)
    }

    fn operator(&mut self, operator: &str, operand: &Value) -> Test {
        use Ordering::{Equal, Greater, Less};
        match operator {
            "$eq" => Test::Same(operand.clone()),
            "$ne" => Test::Not(Box::new(Test::Same(operand.clone()))),
            "$lt" => Test::Compare(&[Less], operand.clone()),
            "$lte" => Test::Compare(&[Less, Equal], operand.clone()),
            "$gt" => Test::Compare(&[Greater], operand.clone()),
            "$gte" => Test::Compare(&[Greater, Equal], operand.clone()),
            "$veq" => Test::Version(&[Equal], padded_version(operand)),
            "$vne" => Test::Version(&[Less, Greater], padded_version(operand)),
            "$vlt" => Test::Version(&[Less], padded_version(operand)),
            "$vlte" => Test::Version(&[Less, Equal], padded_version(operand)),
            "$vgt" => Test::Version(&[Greater], padded_version(operand)),
            "$vgte" => Test::Version(&[Greater, Equal], padded_version(operand)),
            "$exists" => Test::Exists(truthy(operand)),
            "$in" => self.one_of(operand, false, false),
            "$ini" => self.one_of(operand, true, false),
            "$nin" => self.one_of(operand, false, true),
            "$nini" => self.one_of(operand, true, true),
            "$all" => self.every(operand, false),
            "$alli" => self.every(operand, true),
            "$size" => Test::Size(Box::new(self.test(operand))),
            "$elemMatch" => match operators(operand) {
                Some(_) => Test::Some(Box::new(self.test(operand))),
                None => Test::SomeDocument(Box::new(self.document(operand))),
            },
            "$not" => Test::Not(Box::new(self.test(operand))),
            "$type" | "$inGroup" | "$notInGroup" => match operand {
                Value::String(text) if operator == "$type" => Test::Type(text.clone()),
                Value::String(text) => turned(Test::InGroup(text.clone()), operator == "$notInGroup"),
                _ => {
                    self.problem("expected text");
                    Test::Never
                }
            },
            "$regex" => self.regex(operand, false, false),
            "$regexi" => self.regex(operand, true, false),
            "$notRegex" => self.regex(operand, false, true),
            "$notRegexi" => self.regex(operand, true, true),
            _ => {
                self.problem("unknown operator");
                Test::Never
            }
        }
    }

    fn one_of(&mut self, operand: &Value, fold: bool, not: bool) -> Test {
        match operand {
            Value::List(list) => turned(Test::In { list: list.clone(), fold }, not),
            _ => {
                self.problem("expected a list");
                Test::Never
            }
        }
    }

    fn every(&mut self, operand: &Value, fold: bool) -> Test {
        let Value::List(values) = operand else {
            self.problem("expected a list");
            return Test::Never;
        };
        let mut list = Vec::with_capacity(values.len());
        for value in values {
            list.push(match value {
                Value::String(text) if fold => Test::IsFolded(lower(text)),
                value => self.test(value),
            });
        }
        Test::Every { list }
    }

    fn regex(&mut self, operand: &Value, fold: bool, not: bool) -> Test {
        // Without a compiler the collector tells the membership instead.
        let Some(compile) = self.compile else { return Test::Never };
        match operand.as_str().and_then(|pattern| compile(pattern, fold)) {
            Some(regex) => turned(Test::Regex(regex), not),
            None => {
                self.problem("expected a regular expression");
                Test::Never
            }
        }
    }
}

/// The test or its opposite.
fn turned(test: Test, not: bool) -> Test {
    if not { Test::Not(Box::new(test)) } else { test }
}

/// The operators of a test; `None` where the value is plain: a scalar, a list, or an object of other keys.
fn operators(value: &Value) -> Option<&crate::value::Map> {
    let map = value.as_map().filter(|map| !map.is_empty())?;
    for (key, _) in map.iter() {
        if !key.starts_with('$') {
            return None;
        }
    }
    Some(map)
}

impl Node {
    fn matches(&self, facts: &Value, groups: Groups<'_>) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.matches(facts, groups)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(facts, groups)),
            Node::Not(node) => !node.matches(facts, groups),
            Node::Fact(path, test) => test.holds(get(facts, path), groups),
            Node::Never => false,
        }
    }
}

impl Test {
    fn holds(&self, actual: &Value, groups: Groups<'_>) -> bool {
        match self {
            Test::All(tests) => tests.iter().all(|test| test.holds(actual, groups)),
            Test::Not(test) => !test.holds(actual, groups),
            Test::Is(expected) => is(actual, expected),
            Test::Same(expected) => same(actual, expected),
            Test::Compare(wanted, expected) => compare(actual, expected).is_some_and(|order| wanted.contains(&order)),
            Test::Version(wanted, expected) => wanted.contains(&padded_version(actual).cmp(expected)),
            Test::Exists(wanted) => actual.is_null() != *wanted,
            Test::In { list, fold } => is_in(actual, list, *fold),
            Test::InGroup(group) => groups(group).is_some_and(|list| is_in(actual, list, false)),
            Test::Size(test) => match actual {
                Value::List(list) => test.holds(&Value::from(list.len()), groups),
                _ => false,
            },
            Test::Some(test) => elements(actual).iter().any(|element| test.holds(element, groups)),
            Test::SomeDocument(node) => elements(actual).iter().any(|element| node.matches(element, groups)),
            Test::Every { list } => {
                actual.as_list().is_some()
                    && list.iter().all(|test| elements(actual).iter().any(|element| test.holds(element, groups)))
            }
            Test::IsFolded(expected) => text_of(actual).is_some_and(|text| lower(&text) == *expected),
            Test::Type(expected) => type_of(actual) == expected,
            Test::Regex(regex) => text_of(actual).is_some_and(|text| regex(&text)),
            Test::Never => false,
        }
    }
}

fn elements(value: &Value) -> &[Value] {
    value.as_list().unwrap_or_default()
}

/// JavaScript's `===`: objects and lists are never the same as one another.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(_) | Value::Map(_), _) => false,
        _ => a == b,
    }
}

/// A plain value in a condition: `value + "" === text`, `value * 1 === number`, `!!value === flag`, else equal JSON.
fn is(actual: &Value, expected: &Value) -> bool {
    match expected {
        Value::String(text) => text_of(actual).is_some_and(|actual| actual == *text),
        Value::Number(number) => number_of(actual) == Some(*number),
        Value::Bool(flag) => !actual.is_null() && truthy(actual) == *flag,
        Value::Null => actual.is_null(),
        _ => actual == expected,
    }
}

fn is_in(actual: &Value, list: &[Value], fold: bool) -> bool {
    let has = |value: &Value| {
        list.iter().any(|expected| match (value, expected) {
            (Value::String(a), Value::String(b)) if fold => lower(a) == lower(b),
            _ => same(value, expected),
        })
    };
    match actual {
        Value::List(values) => values.iter().any(has),
        value => has(value),
    }
}

/// JavaScript's `<` and `>`: two texts by their characters, anything else as numbers; `None` where one is not a number.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(order(a, b)),
        _ => number_of(a)?.partial_cmp(&number_of(b)?),
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => *number != 0.0,
        Value::String(text) => !text.is_empty(),
        Value::List(_) | Value::Map(_) => true,
    }
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::Number(number) => Some(*number),
        Value::String(text) if trimmed(text).is_empty() => Some(0.0),
        Value::String(text) => decimal(trimmed(text)),
        Value::List(list) => match list.as_slice() {
            [] => Some(0.0),
            [one @ (Value::Number(_) | Value::String(_) | Value::Null)] => number_of(one),
            _ => None,
        },
        Value::Map(_) => None,
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(if *flag { "true" } else { "false" }.to_owned()),
        Value::Number(number) => number_text(*number),
        Value::String(text) => Some(text.clone()),
        Value::List(list) => {
            let mut all = String::new();
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    all.push(',');
                }
                if !value.is_null() {
                    all.push_str(&text_of(value)?);
                }
            }
            Some(all)
        }
        Value::Map(_) => Some("[object Object]".to_owned()),
    }
}

/// A number as JavaScript writes it, for whole numbers and for fractions of up to six places: all that counts, sums
/// and prices are. The general formatter would weigh on the page.
fn number_text(number: f64) -> Option<String> {
    if is_whole(number) {
        return Some(digits(number as i64));
    }
    let millionths = number * 1e6;
    if !is_whole(millionths) {
        return None;
    }
    let (whole, fraction) = (number.abs() as i64, millionths.abs() as i64 % 1_000_000);
    let mut fraction = digits(fraction + 1_000_000);
    while fraction.ends_with('0') {
        fraction.pop();
    }
    let sign = if number < 0.0 { "-" } else { "" };
    Some(joined(&[sign, &digits(whole), ".", fraction.get(1..).unwrap_or_default()]))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

/// A version in a form whose text order is the order of versions: no leading `v`, no build, numbers padded to five
/// places, and `~` after three parts, so that a release sorts after its pre-releases.
fn padded_version(value: &Value) -> String {
    let text = match value {
        Value::Number(_) | Value::String(_) => text_of(value).filter(|text| !text.is_empty()),
        _ => None,
    };
    let text = text.unwrap_or_else(|| "0".to_owned());
    let plain = cut(text.strip_prefix('v').unwrap_or(&text), "+").0;
    let mut out = String::new();
    let (mut parts, mut rest) = (1, plain);
    loop {
        let to = until(rest, b".-");
        let (part, next) = rest.split_at_checked(to).unwrap_or_default();
        if !part.is_empty() && all(part, |byte| byte.is_ascii_digit()) {
            for _ in part.len()..5 {
                out.push(' ');
            }
        }
        out.push_str(part);
        let Some(next) = next.get(1..) else { break };
        out.push('-');
        parts += 1;
        rest = next;
    }
    if parts == 3 {
        out.push_str("-~");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn matches(condition: &str, facts: &str) -> bool {
        let (condition, problems) = Condition::parse(&json(condition), None);
        assert_eq!(problems, []);
        condition.matches(&json(facts), &no_groups)
    }

    #[test]
    fn the_two_segments_of_the_demo() {
        let abandoner = r#"{"cart.items":{"$gte":1},"n_1d.purchase":0}"#;
        assert!(matches(abandoner, r#"{"cart.items":1}"#));
        assert!(!matches(abandoner, r#"{"cart.items":0}"#));
        assert!(!matches(abandoner, r#"{"cart.items":1,"n_1d.purchase":1}"#));
        assert!(matches(r#"{"visits":{"$gte":2}}"#, r#"{"visits":2}"#));
    }

    #[test]
    fn problems_have_paths() {
        for (condition, path, detail) in [
            ("[]", "", "expected an object"),
            (r#"{"$or":{}}"#, "$or", "expected a list"),
            (r#"{"$or":[{"a":1},{"b":{"$gtee":1}}]}"#, "$or[1].b.$gtee", "unknown operator"),
            (r#"{"a":{"$in":1}}"#, "a.$in", "expected a list"),
            (r#"{"$foo":1}"#, "$foo", "unknown operator"),
        ] {
            let (condition, problems) = Condition::parse(&json(condition), None);
            assert_eq!(problems, [Problem { path: path.to_owned(), detail: detail.to_owned() }]);
            assert!(!condition.matches(&json("{}"), &no_groups));
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let mut deep = json(r#"{"a":1}"#);
        for _ in 0..20 {
            deep = Value::from(crate::value::Map::new().with("$not", deep));
        }
        assert!(!Condition::parse(&deep, None).1.is_empty());
        let wide = Value::from(crate::value::Map::from_pairs((0..300).map(|n| (n.to_string(), Value::Null)).collect()));
        assert!(!Condition::parse(&wide, None).1.is_empty());
    }

    #[test]
    fn numbers_as_text() {
        for (number, text) in [(5.0, "5"), (-0.5, "-0.5"), (89.25, "89.25"), (1e12, "1000000000000"), (0.0, "0")] {
            assert_eq!(number_text(number).as_deref(), Some(text));
        }
    }
}
