//! Sessions: what the visitor did in one go.

use crate::clean;
use crate::event::Event;
use crate::id::Id;
use crate::keep::Pass;
use crate::time::MINUTE;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// A session ends after this much silence.
pub const SILENCE: i64 = 30 * MINUTE;
/// Most event names counted within a session.
const MAX_NAMES: usize = 32;

/// How the visitor came, from the address of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Campaign {
    /// `utm_source`, or the network of a click id.
    pub source: Option<String>,
    /// `utm_medium`, or what a click id means: `cpc`, and `social` for facebook's, which stands on what is not paid too.
    pub medium: Option<String>,
    /// `utm_campaign`.
    pub name: Option<String>,
}

/// Click ids and the source that each of them means.
const CLICK_IDS: &[(&str, &str)] = &[
    ("gclid", "google"),
    ("wbraid", "google"),
    ("gbraid", "google"),
    ("msclkid", "bing"),
    ("fbclid", "facebook"),
    ("ttclid", "tiktok"),
];

impl Campaign {
    /// The campaign in an address; `None` where it names none.
    pub fn of(url: &str) -> Option<Campaign> {
        let get = |name: &str| clean::parameter(url, name).map(|text| crate::event::shorten(&text, 100).to_owned());
        let mut campaign = Campaign { source: get("utm_source"), medium: get("utm_medium"), name: get("utm_campaign") };
        if campaign.source.is_none()
            && let Some((_, source)) = CLICK_IDS.iter().find(|(id, _)| clean::parameter(url, id).is_some())
        {
            campaign.source = Some((*source).to_owned());
            let means = if campaign.source.as_deref() == Some("facebook") { "social" } else { "cpc" };
            campaign.medium = campaign.medium.or_else(|| Some(means.to_owned()));
        }
        (campaign != Campaign::default()).then_some(campaign)
    }
}

/// A session as far as it has come.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Session {
    /// The id of its first event.
    pub id: Id,
    /// The time of its first event.
    pub start: i64,
    /// The time of its last event so far.
    pub end: i64,
    /// How many events.
    pub events: u32,
    /// How many of them were page views.
    pub pages: u32,
    /// The path of the first address seen in it.
    pub landing_path: Option<String>,
    /// The host that its first page was reached from, where that is another site's.
    pub referrer: Option<String>,
    /// How the visitor came.
    pub campaign: Option<Campaign>,
    /// Events by name, in order of appearance.
    pub counts: Vec<(String, u32)>,
}

impl Session {
    /// Whether an event at `time`, of this campaign if it names one, belongs to the session.
    pub fn holds(&self, time: i64, campaign: Option<&Campaign>) -> bool {
        time - self.end <= SILENCE && (campaign.is_none() || campaign == self.campaign.as_ref())
    }

    /// A session that begins with an event.
    pub fn begin(id: Id, time: i64, campaign: Option<Campaign>) -> Session {
        Session { id, start: time, end: time, campaign, ..Session::default() }
    }

    /// Counts an event in.
    pub fn add(&mut self, event: &Event, time: i64) {
        self.end = time;
        self.events += 1;
        self.pages += u32::from(event.name == "page_view");
        if self.landing_path.is_none()
            && let Some(url) = event.page.url.as_deref()
        {
            self.landing_path = Some(crate::event::shorten(clean::path(url), 200).to_owned());
            let from = event.page.referrer.as_deref().map_or("", clean::host);
            if !from.is_empty() && !clean::same_site(from, clean::host(url)) {
                self.referrer = Some(crate::event::shorten(from, 100).to_owned());
            }
        }
        let full = self.counts.len() >= MAX_NAMES;
        match self.counts.iter_mut().find(|(name, _)| *name == event.name) {
            Some((_, count)) => *count += 1,
            None if !full => self.counts.push((event.name.clone(), 1)),
            None => {}
        }
    }

    /// What belongs to it, for keeping.
    pub fn keep(&mut self, pass: &mut Pass) {
        pass.id(&mut self.id);
        pass.int(&mut self.start);
        pass.int(&mut self.end);
        pass.count(&mut self.events);
        pass.count(&mut self.pages);
        pass.maybe(&mut self.landing_path, |text, pass| pass.text(text));
        pass.maybe(&mut self.referrer, |text, pass| pass.text(text));
        pass.maybe(&mut self.campaign, |campaign, pass| {
            for text in [&mut campaign.source, &mut campaign.medium, &mut campaign.name] {
                pass.maybe(text, |text, pass| pass.text(text));
            }
        });
        pass.list(&mut self.counts, |(name, count), pass| {
            pass.text(name);
            pass.count(count);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_silence_or_a_new_campaign() {
        let mail = Campaign::of("https://shop.example/?utm_source=mail");
        let session = Session::begin(Id(1), 0, mail.clone());
        assert!(session.holds(SILENCE, None));
        assert!(session.holds(1, mail.as_ref()));
        assert!(!session.holds(SILENCE + 1, None));
        assert!(!session.holds(1, Campaign::of("https://shop.example/?gclid=x").as_ref()));
    }

    #[test]
    fn the_referrer_is_the_host_before_the_first_page_of_another_site() {
        for (url, referrer, host) in [
            ("https://shop.example/", "https://www.google.com/", Some("google.com")),
            ("https://shop.example/", "https://shop.example/p/7", None),
            ("https://www.shop.example/", "https://shop.example/", None),
            ("https://m.shop.example/", "https://www.shop.example:8443/", None),
            ("https://shop.example/", "https://evilshop.example/", Some("evilshop.example")),
            ("https://shop.example/", "android-app://com.google.android.gm/", Some("com.google.android.gm")),
            ("https://shop.example/", "https://a.example:444?x", Some("a.example")),
            ("https://shop.example/", "/p/7", None),
            ("https://shop.example/", "", None),
        ] {
            let mut session = Session::begin(Id(1), 0, None);
            let mut event = Event::default();
            session.add(&event, 0);
            event.page.url = Some(url.to_owned());
            event.page.referrer = Some(referrer.to_owned());
            session.add(&event, 1);
            assert_eq!(session.referrer.as_deref(), host, "{url} {referrer}");
            // Later pages were not what the visitor came by.
            event.page.referrer = Some("https://b.example/".to_owned());
            session.add(&event, 2);
            assert_eq!(session.referrer.as_deref(), host, "{url} {referrer}");
        }
    }

    #[test]
    fn campaigns() {
        assert_eq!(Campaign::of("https://shop.example/?x=1"), None);
        let click = Campaign::of("https://shop.example/?gclid=x&utm_campaign=Fall+sale").unwrap();
        assert_eq!(click.source.as_deref(), Some("google"));
        assert_eq!(click.medium.as_deref(), Some("cpc"));
        assert_eq!(click.name.as_deref(), Some("Fall sale"));
        let shared = Campaign::of("https://shop.example/?fbclid=x").unwrap();
        assert_eq!(shared.medium.as_deref(), Some("social"));
    }
}
