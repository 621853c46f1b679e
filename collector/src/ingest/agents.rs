//! User agents: who is a bot, and what everybody else uses. Each text is judged once and remembered.

mod classes;

use engine::event::shorten;
use regex::bytes::{RegexSet, RegexSetBuilder};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Patterns of crawlers, a line each; lines that begin with `#` say where they are from.
const BOTS: &str = include_str!("agents/bots.txt");
/// Most user agents that are remembered; a full table begins anew.
const MAX_KNOWN: usize = 4_096;
/// As much of a user agent as is looked at, in bytes.
const MAX_AGENT: usize = 512;

/// What a user agent says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agent {
    /// Whether it is a crawler, a headless browser, or a library that fetches.
    pub(crate) bot: bool,
    /// `desktop`, `mobile`, `tablet`, `tv`, `console`; an iPad that asks for desktop pages is a Mac to everybody.
    pub(crate) device: Option<&'static str>,
    /// The operating system's family.
    pub(crate) os: Option<&'static str>,
    /// The browser's family.
    pub(crate) browser: Option<&'static str>,
}

/// Judges user agents.
pub(crate) struct Agents {
    bots: RegexSet,
    known: RwLock<HashMap<Box<str>, Agent>>,
}

impl Agents {
    /// With the list of bots, which takes some milliseconds to read.
    ///
    /// # Errors
    /// Where a pattern of the list is none; a test reads all of them.
    pub(crate) fn new() -> anyhow::Result<Agents> {
        let patterns = BOTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        // User agents are ASCII but for mischief, and the tables of Unicode would make each `\d` a hundred times as large.
        let bots = RegexSetBuilder::new(patterns).unicode(false).size_limit(64 << 20).build()?;
        Ok(Agents { bots, known: RwLock::default() })
    }

    /// What a user agent is. An empty one is nothing in particular: native clients have none, and a bot that hides sends
    /// a browser's.
    pub(crate) fn look(&self, user_agent: &str) -> Agent {
        let user_agent = shorten(user_agent.trim(), MAX_AGENT);
        if user_agent.is_empty() {
            return Agent::default();
        }
        if let Some(agent) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(user_agent) {
            return *agent;
        }
        let agent = Agent { bot: self.bots.is_match(user_agent.as_bytes()), ..classes::of(user_agent) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(user_agent.into(), agent);
        agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawlers_are_told_from_people() {
        let agents = Agents::new().unwrap();
        for bot in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
            "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.1; +https://openai.com/gptbot",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "python-requests/2.32.3",
            "curl/8.14.1",
            "Go-http-client/1.1",
        ] {
            assert!(agents.look(bot).bot, "{bot}");
            assert!(agents.look(bot).bot, "{bot}, remembered");
        }
        for person in ["", "  ", "MyShop/3.1 (com.example.shop; build:7; iOS 18.1)", "\u{e9}\u{4e2d}"] {
            assert!(!agents.look(person).bot, "{person}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let agents = Agents::new().unwrap();
        for n in 0..3 * MAX_KNOWN {
            agents.look(&format!("{n} {}", "x".repeat(2 * MAX_AGENT)));
        }
        let known = agents.known.read().unwrap();
        assert!(known.len() <= MAX_KNOWN);
        assert!(known.keys().all(|agent| agent.len() <= MAX_AGENT));
    }
}
