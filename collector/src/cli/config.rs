//! `beckon config`.

use crate::config::Setting;

/// Prints what is in force, as a file of options that would say the same, and behind each where it came from.
pub(crate) fn run(settings: &[Setting]) {
    let said = |Setting { key, value, .. }: &Setting| match value {
        Some(value) => format!("{key} = {value}"),
        None => format!("# {key} is not set"),
    };
    let width = settings.iter().map(|setting| said(setting).chars().count()).max().unwrap_or(0);
    for setting in settings {
        let said = said(setting);
        match &setting.value {
            Some(_) => println!("{said:width$}  # {}", setting.from),
            None => println!("{said}"),
        }
    }
}
