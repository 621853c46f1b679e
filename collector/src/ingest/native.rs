//! Our own format: `POST /v1/events` of CONTRACT section 3.

use super::agents::{Agent, Agents};
use super::{Intake, Sender, Shared, text};
use crate::error::Error;
use crate::store::{Batch, Client};
use engine::batch::{Envelope, MAX_EVENTS};
use engine::clean;
use engine::event::{Code, Reject};
use engine::id::Id;
use engine::value::{Map, Value};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::net::IpAddr;

/// A body: the envelope as values, the events as the pieces of text they are, for their sizes.
pub(crate) struct Body<'a> {
    /// All fields but the events.
    pub(crate) fields: Map,
    events: Option<&'a RawValue>,
    /// Whether there are two keys in it that differ.
    pub(crate) two_keys: bool,
}

impl<'a> Body<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::BadJson`] with line and column; [`Error::BadBatch`] where it is no object.
    pub(crate) fn read(body: &'a [u8]) -> Result<Body<'a>, Error> {
        serde_json::from_slice(body).map_err(|error| {
            // A body that is JSON but no object is a wrong batch, not wrong JSON.
            let wrong_shape = error.is_data() && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
            if wrong_shape { Error::BadBatch } else { error.into() }
        })
    }

    /// The events, each as its text.
    pub(crate) fn events(&self) -> Result<Vec<&'a RawValue>, Error> {
        let raw = self.events.ok_or(Error::BadBatch)?;
        let events: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| Error::BadBatch)?;
        match events.len() {
            0 => Err(Error::BadBatch),
            1..=MAX_EVENTS => Ok(events),
            _ => Err(Error::TooLarge("expected at most 500 events")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Body<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object with `events`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                let (mut events, mut keys) = (None, None);
                let mut two_keys = false;
                while let Some(name) = map.next_key::<String>()? {
                    if name == "events" {
                        // Taking one of two lists would drop the other without a word.
                        if events.replace(map.next_value()?).is_some() {
                            return Err(serde::de::Error::duplicate_field("events"));
                        }
                    } else {
                        let value: Value = map.next_value()?;
                        if name == "key" {
                            two_keys |= keys.replace(value.clone()).is_some_and(|other| other != value);
                        }
                        fields.push((name, value));
                    }
                }
                Ok(Body { fields: Map::from_pairs(fields), events, two_keys })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// What the request says of the program that sent it.
pub(crate) struct Browser<'a> {
    /// What judges it.
    pub(crate) agents: &'a Agents,
    /// Its `User-Agent`; empty for none.
    pub(crate) user_agent: &'a str,
    /// Its `Accept-Language`; empty for none.
    pub(crate) languages: &'a str,
}

/// A body through the steps.
///
/// # Errors
/// What is wrong with the envelope, as it is about every event.
pub(crate) fn read(
    sender: &Sender<'_>,
    browser: &Browser<'_>,
    body: &Body<'_>,
) -> Result<(Batch, Vec<super::Outcome>), Error> {
    let events = body.events()?;
    let mut envelope = Envelope::read(&body.fields).map_err(|reject| bad_field(&reject))?;
    for (path, id) in [("visitor", &envelope.visitor), ("session", &envelope.session)] {
        if !sender.trusted && id.as_deref().is_some_and(|id| Id::parse(id).is_none()) {
            return Err(bad_field(&Reject::new(Code::BadId, path, "expected a UUID")));
        }
    }
    let signed = match (&envelope.user, &envelope.user_sig) {
        (Some(user), Some(signature)) => sender.secrets.user_signed(sender.site, user, signature),
        _ => false,
    };
    let shared = Shared { sent_at: envelope.sent_at, visitor: envelope.visitor, user: envelope.user, signed };
    let context = &mut envelope.context;
    let told = told(sender.trusted, context)?;
    // What a shop's own server fetches with says nothing of the visitor; what it says of the visitor's browser does.
    let agent = match &told {
        Some(user_agent) => browser.agents.look(user_agent),
        None if sender.trusted => Agent::default(),
        None => browser.agents.look(browser.user_agent),
    };
    // The languages of a server are no visitor's.
    let accepted = if sender.trusted { None } else { browser.languages.split([',', ';']).next() };
    let spoken = context.str("locale").and_then(language).or_else(|| accepted.and_then(language));
    clean::own_map(context);
    let client = Client {
        context: if context.is_empty() { String::new() } else { text(&Value::Map(std::mem::take(context))) },
        device: agent.device.map(str::to_owned),
        os: agent.os.map(str::to_owned),
        browser: agent.browser.map(str::to_owned),
        language: spoken,
    };
    let mut intake = Intake::new(sender, shared, client, agent.bot);
    for raw in events {
        match serde_json::from_str::<Value>(raw.get()) {
            Ok(value) => intake.take(&value, raw.get().len()),
            // The text was found to be JSON before: only what nests beyond 128 levels, half of a surrogate pair, or a
            // number beyond f64 gets here; the reader tells them apart in words only.
            Err(error) => {
                let reject = if error.to_string().starts_with("recursion limit") {
                    Reject::new(Code::TooDeep, "", "expected at most 4 levels")
                } else {
                    Reject::new(Code::BadValue, "", &format!("expected JSON that can be read: {error}"))
                };
                intake.refuse(&Value::Null, reject);
            }
        }
    }
    Ok(intake.finish())
}

/// Takes what only a shop's server may say of the visitor's own connection out of the context, whoever says it: an
/// address is not kept, and a user agent only as what it stands for.
///
/// # Errors
/// [`Error::BadRequest`] where a server says what is no address, or no text.
fn told(trusted: bool, context: &mut Map) -> Result<Option<String>, Error> {
    let wrong = |path: &str, expected: &str| bad_field(&Reject::new(Code::BadValue, path, expected));
    let (ip, user_agent) = (context.remove("ip"), context.remove("user_agent"));
    if !trusted {
        return Ok(None);
    }
    match ip {
        None | Some(Value::Null) => {}
        Some(Value::String(ip)) if ip.parse::<IpAddr>().is_ok() => {}
        Some(_) => return Err(wrong("context.ip", "expected an IP address")),
    }
    match user_agent {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(user_agent)) => Ok(Some(user_agent)),
        Some(_) => Err(wrong("context.user_agent", "expected text")),
    }
}

/// A language as BCP 47 writes it, with script and region and nothing else: `de`, `zh-CN`, `zh-Hant-TW`. `None` for what
/// is none, as nothing but a language may be told by it.
fn language(text: &str) -> Option<String> {
    let mut parts = text.trim().split(['-', '_']).peekable();
    let letters =
        |part: &&str, n: &[usize]| n.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let mut written = parts.next().filter(|part| letters(part, &[2, 3]))?.to_ascii_lowercase();
    if let Some(script) = parts.next_if(|part| letters(part, &[4])) {
        let (first, rest) = script.split_at(1);
        written = format!("{written}-{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase());
    }
    let is_region =
        |part: &&str| letters(part, &[2]) || (part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(region) = parts.next_if(is_region) {
        written = format!("{written}-{}", region.to_ascii_uppercase());
    }
    // Variants and the like are left out; whatever is none of them makes the whole no language.
    parts
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then_some(written)
}

fn bad_field(reject: &Reject) -> Error {
    Error::BadRequest { path: reject.path.clone(), detail: reject.detail.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        for (said, read) in [
            ("de", Some("de")),
            ("zh-cn", Some("zh-CN")),
            ("zh_Hant_TW", Some("zh-Hant-TW")),
            ("ZH-hANT", Some("zh-Hant")),
            ("es-419", Some("es-419")),
            ("de-DE-1996", Some("de-DE")),
            ("ca-ES-valencia-u-nu-latn", Some("ca-ES")),
            ("sk_geheimgeheim", None),
            ("", None),
            ("*", None),
            ("C", None),
            ("english", None),
            ("de-jo@mail.example", None),
        ] {
            assert_eq!(language(said).as_deref(), read, "{said}");
        }
    }

    #[test]
    fn wrong_json_and_wrong_batches_are_told_apart() {
        assert!(matches!(Body::read(b"{\"events\":[}"), Err(Error::BadJson { line: 1, column: 12 })));
        assert!(matches!(Body::read(b"[1]"), Err(Error::BadBatch)));
        assert!(matches!(Body::read(b"[1"), Err(Error::BadJson { .. })));
        assert!(matches!(Body::read(br#"{"events":[1],"events":[2]}"#), Err(Error::BadBatch)));
        for body in ["{}", r#"{"events":[]}"#, r#"{"events":{}}"#, r#"{"events":null}"#] {
            assert!(matches!(Body::read(body.as_bytes()).unwrap().events(), Err(Error::BadBatch)), "{body}");
        }
        assert_eq!(
            Body::read(br#"{"events":[1,{"a":[]}],"key":"x"}"#).unwrap().events().unwrap()[1].get(),
            r#"{"a":[]}"#
        );
    }
}
