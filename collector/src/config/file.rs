//! `beckon.toml`: its keys are the names of options, and what it says stands in for their defaults.

use clap::builder::OsStr;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file says: by the long name of an option, in which line and what.
#[derive(Default)]
pub(super) struct File {
    path: PathBuf,
    said: BTreeMap<String, (usize, Vec<String>)>,
}

/// Whether an argument is one that the environment and the file can set.
pub(super) fn is_option(argument: &Arg) -> bool {
    argument.get_env().is_some() && argument.get_id() != "config"
}

/// What the value of an option is in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Truth,
    Whole,
    Number,
    Text,
}

impl Form {
    fn of(argument: &Arg) -> Form {
        let id = argument.get_value_parser().type_id();
        let is = |types: &[TypeId]| types.iter().any(|of| id == *of);
        if !argument.get_action().takes_values() || is(&[TypeId::of::<bool>()]) {
            Form::Truth
        } else if is(&[
            TypeId::of::<u8>(),
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<i32>(),
            TypeId::of::<i64>(),
        ]) {
            Form::Whole
        } else if is(&[TypeId::of::<f64>(), TypeId::of::<f32>()]) {
            Form::Number
        } else {
            Form::Text
        }
    }

    fn name(self) -> &'static str {
        match self {
            Form::Truth => "true or false",
            Form::Whole => "a whole number",
            Form::Number => "a number",
            Form::Text => "text in quotes",
        }
    }
}

fn is_list(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

/// The options of a command and of those below it, by long name.
fn known(command: &Command) -> BTreeMap<&str, &Arg> {
    let mut found: BTreeMap<&str, &Arg> = command.get_subcommands().flat_map(known).collect();
    let own = command.get_arguments().filter(|argument| is_option(argument));
    found.extend(own.filter_map(|argument| Some((argument.get_long()?, argument))));
    found
}

impl File {
    /// Reads the text of the file at `path` for the options of a command.
    ///
    /// # Errors
    /// One line that names the file, the line, and what was expected.
    pub(super) fn read(path: &Path, text: &str, command: &Command) -> Result<File, String> {
        let at = |offset: usize| text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
        let wrong = |line: usize, what: &str| format!("{}:{line}: {what}", path.display());
        let table = DeTable::parse(text).map_err(|error| {
            let line = at(error.span().map_or(0, |span| span.start));
            wrong(line, error.message().split('\n').next().unwrap_or_default())
        })?;
        let known = known(command);
        let mut leaves = Vec::new();
        flatten(table.get_ref(), &[], &mut leaves);
        leaves.sort_by_key(|(_, offset, _)| *offset);
        let mut said: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
        for (names, offset, value) in leaves {
            let line = at(offset);
            let key = names.join(".");
            // A key has underscores and a flag hyphens; a hyphen in a key is a slip that the nearest one tells of.
            let long = Some(key.replace(['.', '_'], "-")).filter(|_| !key.contains('-'));
            let Some((long, argument)) = long.and_then(|long| known.get_key_value(long.as_str())) else {
                let nearest = nearest(&key, names.len() > 1, known.keys());
                return Err(wrong(line, &format!("there is no option `{key}`; the nearest is `{nearest}`")));
            };
            let values = values(argument, value).map_err(|what| wrong(line, &format!("`{key}`: {what}")))?;
            if let Some((first, _)) = said.insert((*long).to_owned(), (line, values)) {
                return Err(wrong(line, &format!("`{key}` is there twice: the other one is in line {first}")));
            }
        }
        Ok(File { path: path.to_owned(), said })
    }

    /// The command with what the file says as the defaults of its arguments.
    pub(super) fn as_defaults(&self, command: Command) -> Command {
        let command = command.mut_args(|argument| {
            let said = argument.get_long().filter(|_| is_option(&argument)).and_then(|long| self.said.get(long));
            match said {
                Some((_, values)) => argument.default_values(values.iter().map(OsStr::from)),
                None => argument,
            }
        });
        command.mut_subcommands(|inner| self.as_defaults(inner))
    }

    /// File and line that say an option.
    pub(super) fn place(&self, long: &str) -> Option<String> {
        self.said.get(long).map(|(line, _)| format!("{}:{line}", self.path.display()))
    }
}

/// Every key that holds a value: the names that lead to it, where it stands, and the value.
fn flatten<'a>(table: &'a DeTable<'a>, above: &[&'a str], found: &mut Vec<(Vec<&'a str>, usize, &'a DeValue<'a>)>) {
    for (key, value) in table {
        let names: Vec<&str> = above.iter().copied().chain([key.get_ref().as_ref()]).collect();
        match value.get_ref() {
            DeValue::Table(inner) => flatten(inner, &names, found),
            value => found.push((names, key.span().start, value)),
        }
    }
}

/// What an option is set to, once it is known to fit; else what was expected.
fn values(argument: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let form = Form::of(argument);
    let expected = if is_list(argument) { format!("a list, each {}", form.name()) } else { form.name().to_owned() };
    let given: Vec<&DeValue<'_>> = match value {
        DeValue::Array(list) if is_list(argument) => list.iter().map(Spanned::get_ref).collect(),
        value if !is_list(argument) => vec![value],
        value => return Err(format!("expected {expected}, got {}", named(value))),
    };
    let texts = given.into_iter().map(|value| match (form, value) {
        (Form::Text, DeValue::String(text)) => Ok(text.to_string()),
        (Form::Truth, DeValue::Boolean(truth)) => Ok(truth.to_string()),
        (Form::Whole | Form::Number, DeValue::Integer(number)) => Ok(number.to_string()),
        (Form::Number, DeValue::Float(number)) => Ok(number.to_string()),
        (_, value) => Err(format!("expected {expected}, got {}", named(value))),
    });
    let texts = texts.collect::<Result<Vec<String>, String>>()?;
    texts.iter().try_for_each(|text| fits(argument, text))?;
    Ok(texts)
}

fn named(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Whether an argument takes a value, found out by giving it to the argument alone.
fn fits(argument: &Arg, text: &str) -> Result<(), String> {
    if !argument.get_action().takes_values() {
        return Ok(());
    }
    let long = argument.get_long().unwrap_or_default();
    let alone = Command::new("beckon").no_binary_name(true).arg(argument.clone().required(false));
    let Err(error) = alone.try_get_matches_from([format!("--{long}={text}")]) else { return Ok(()) };
    let expected = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) if !valid.is_empty() => format!("one of {}", valid.join(", ")),
        _ => argument
            .get_value_names()
            .and_then(|names| names.first())
            .map_or("another value", |name| name.as_str())
            .to_owned(),
    };
    if argument.is_hide_env_values_set() {
        return Err(format!("expected {expected}, got something else"));
    }
    let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    Err(format!("expected {expected}, got {text:?}{why}"))
}

/// An option as it would stand in the file; a secret is masked.
pub(super) fn write(argument: &Arg, values: &[String]) -> String {
    if argument.is_hide_env_values_set() {
        return "\"***\"".to_owned();
    }
    let form = Form::of(argument);
    let one = |text: &String| if form == Form::Text { format!("{text:?}") } else { text.clone() };
    let list: Vec<String> = values.iter().map(one).collect();
    if is_list(argument) { format!("[{}]", list.join(", ")) } else { list.join("") }
}

/// The known key that takes the fewest changes to get to.
fn nearest<'a>(key: &str, in_table: bool, known: impl Iterator<Item = &'a &'a str>) -> String {
    let as_key = |long: &&str| {
        let key = long.replace('-', "_");
        if in_table { key.replacen('_', ".", 1) } else { key }
    };
    known.map(as_key).min_by_key(|known| distance(key, known)).unwrap_or_default()
}

/// How many letters have to be put in, left out or changed to make one text of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let option = |long: &'static str, name: &'static str| Arg::new(long).long(long).env(name);
        Command::new("beckon").arg(Arg::new("config").long("config").env("X_CONFIG")).subcommand(
            Command::new("serve")
                .arg(
                    option("listen", "X_LISTEN")
                        .value_parser(clap::value_parser!(std::net::SocketAddr))
                        .value_name("ADDR"),
                )
                .arg(option("public-url", "X_URL"))
                .arg(option("secret-key", "X_KEY").value_parser(clap::value_parser!(u16)).hide_env_values(true))
                .arg(option("form", "X_FORM").value_parser(["text", "json"]))
                .arg(option("limits-client-rate", "X_RATE").value_parser(clap::value_parser!(u32)))
                .arg(option("limits-share", "X_SHARE").value_parser(clap::value_parser!(f64)))
                .arg(option("proxies", "X_PROXIES").action(ArgAction::Append))
                .arg(option("quiet", "X_QUIET").action(ArgAction::SetTrue)),
        )
    }

    #[test]
    fn what_a_file_says_is_a_default() {
        let text = "listen = \"127.0.0.1:1\"\npublic_url = \"https://x\"\nproxies = [\"10.0.0.0/8\", \"::1\"]\nquiet = true\n\
                    [limits]\nclient_rate = 7\nshare = 1\n";
        let file = File::read(Path::new("a.toml"), text, &command()).unwrap();
        let matches =
            file.as_defaults(command()).try_get_matches_from(["beckon", "serve", "--public-url", "b"]).unwrap();
        let (_, serve) = matches.subcommand().unwrap();
        assert_eq!(serve.get_one::<u32>("limits-client-rate"), Some(&7));
        assert_eq!(serve.get_one::<f64>("limits-share"), Some(&1.0));
        assert_eq!(serve.get_one::<String>("public-url").unwrap(), "b");
        assert_eq!(serve.get_many::<String>("proxies").unwrap().collect::<Vec<_>>(), ["10.0.0.0/8", "::1"]);
        assert!(serve.get_flag("quiet"));
        assert_eq!(file.place("limits-client-rate").unwrap(), "a.toml:6");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_in_one_line() {
        for (text, expected) in [
            ("\nlistn = \"x\"", "a.toml:2: there is no option `listn`; the nearest is `listen`"),
            ("public-url = \"x\"", "a.toml:1: there is no option `public-url`; the nearest is `public_url`"),
            (
                "[limits]\nclient_rat = 1",
                "a.toml:2: there is no option `limits.client_rat`; the nearest is `limits.client_rate`",
            ),
            (
                "[limit]\nclient_rate = 1",
                "a.toml:2: there is no option `limit.client_rate`; the nearest is `limits.client_rate`",
            ),
            ("config = \"x\"", "a.toml:1: there is no option `config`; the nearest is `form`"),
            ("listen = 8787", "a.toml:1: `listen`: expected text in quotes, got a number"),
            ("listen = \"8787\"", "a.toml:1: `listen`: expected ADDR, got \"8787\": invalid socket address syntax"),
            ("form = \"xml\"", "a.toml:1: `form`: expected one of text, json, got \"xml\""),
            ("quiet = \"yes\"", "a.toml:1: `quiet`: expected true or false, got text"),
            ("proxies = \"::1\"", "a.toml:1: `proxies`: expected a list, each text in quotes, got text"),
            ("proxies = [1]", "a.toml:1: `proxies`: expected a list, each text in quotes, got a number"),
            ("[limits]\nclient_rate = \"7\"", "a.toml:2: `limits.client_rate`: expected a whole number, got text"),
            ("[limits]\nclient_rate = 1.5", "a.toml:2: `limits.client_rate`: expected a whole number, got a number"),
            ("secret_key = 123456", "a.toml:1: `secret_key`: expected another value, got something else"),
            (
                "limits_share = 1\n[limits]\nshare = 2",
                "a.toml:3: `limits.share` is there twice: the other one is in line 1",
            ),
        ] {
            assert_eq!(File::read(Path::new("a.toml"), text, &command()).err().as_deref(), Some(expected), "{text}");
        }
        let wrong = File::read(Path::new("a.toml"), "listen = \"x\"\n= 1", &command()).err().unwrap();
        assert!(wrong.starts_with("a.toml:2: ") && !wrong.contains('\n'), "{wrong}");
    }

    #[test]
    fn distances_as_in_the_textbook() {
        for (a, b, expected) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("flaw", "lawn", 2), ("a", "a", 0)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
